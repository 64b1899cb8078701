// The functions of nvJPEG that the decoder calls, loaded on use. Private to src/stages/decode/cuda.
#pragma once

#include <nvjpeg.h>

#include <utility>

#include "core/os/dynamic_library.h"

namespace peregrine::decode {

// Every function in use, once.
#define PEREGRINE_NVJPEG_FUNCTIONS(apply)                                                                   \
  apply(nvjpegCreateEx) apply(nvjpegDestroy) apply(nvjpegJpegStateCreate) apply(nvjpegJpegStateDestroy)     \
      apply(nvjpegJpegStreamCreate) apply(nvjpegJpegStreamDestroy) apply(nvjpegJpegStreamParse)             \
          apply(nvjpegJpegStreamParseHeader) apply(nvjpegJpegStreamGetJpegEncoding)                         \
              apply(nvjpegJpegStreamGetFrameDimensions) apply(nvjpegJpegStreamGetComponentsNum)             \
                  apply(nvjpegJpegStreamGetExifOrientation) apply(nvjpegDecodeParamsCreate)                 \
                      apply(nvjpegDecodeParamsDestroy) apply(nvjpegDecodeParamsSetOutputFormat)             \
                          apply(nvjpegDecodeParamsSetExifOrientation) apply(nvjpegDecoderCreate)            \
                              apply(nvjpegDecoderDestroy) apply(nvjpegDecoderStateCreate)                   \
                                  apply(nvjpegDecoderJpegSupported) apply(nvjpegBufferPinnedCreate)         \
                                      apply(nvjpegBufferPinnedDestroy) apply(nvjpegBufferDeviceCreate)      \
                                          apply(nvjpegBufferDeviceDestroy)                                  \
                                              apply(nvjpegStateAttachPinnedBuffer)                          \
                                                  apply(nvjpegStateAttachDeviceBuffer)                      \
                                                      apply(nvjpegDecodeJpegHost)                           \
                                                          apply(nvjpegDecodeJpegTransferToDevice)           \
                                                              apply(nvjpegDecodeJpegDevice)                 \
                                                                  apply(nvjpegDecodeBatchedInitialize)      \
                                                                      apply(nvjpegDecodeBatchedSupportedEx) \
                                                                          apply(nvjpegDecodeBatchedEx)

struct NvJpeg {
  DynamicLibrary library;
#define PEREGRINE_DECLARE(name) decltype(::name)* name = nullptr;
  PEREGRINE_NVJPEG_FUNCTIONS(PEREGRINE_DECLARE)
#undef PEREGRINE_DECLARE
};

/// The library, loaded at the first call. Throws "environment.library".
const NvJpeg& nvjpeg();

/// Throws Error "device.jpeg" with the status in words, for anything but success; "device.memory" where
/// memory ran out.
void check(nvjpegStatus_t status, const char* call);
/// Whether an image was decoded. Throws where it was not its fault: "device.memory".
bool decoded(nvjpegStatus_t status);

/// Handle, stream or buffer of nvJPEG with the function that destroys it.
template <class Handle>
class NvJpegOwner {
 public:
  using Destroy = nvjpegStatus_t (*)(Handle);
  NvJpegOwner() = default;
  NvJpegOwner(Handle handle, Destroy destroy) : handle_(handle), destroy_(destroy) {}
  ~NvJpegOwner() {
    if (handle_) destroy_(handle_);
  }
  NvJpegOwner(NvJpegOwner&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), destroy_(other.destroy_) {}
  NvJpegOwner& operator=(NvJpegOwner&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(destroy_, other.destroy_);
    return *this;
  }
  Handle get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
  Destroy destroy_ = nullptr;
};

}  // namespace peregrine::decode
