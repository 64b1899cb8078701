#include "stages/decode/cuda/nvjpeg.h"

#include <array>
#include <string>

#include "peregrine/error.h"

namespace peregrine::decode {

namespace {

NvJpeg load() {
  static constexpr std::array<std::string_view, 1> file_names{"libnvjpeg.so.13"};
  NvJpeg api;
  api.library = DynamicLibrary::load(
      {"nvJPEG 13", file_names, "cu13/lib", "Install CUDA 13's libnvjpeg, or the wheel nvidia-nvjpeg."});
#define PEREGRINE_LOAD(name) api.name = api.library.get<decltype(::name)>(#name);
  PEREGRINE_NVJPEG_FUNCTIONS(PEREGRINE_LOAD)
#undef PEREGRINE_LOAD
  return api;
}

const char* words(nvjpegStatus_t status) {
  switch (status) {
    case NVJPEG_STATUS_SUCCESS: return "success";
    case NVJPEG_STATUS_NOT_INITIALIZED: return "not initialised";
    case NVJPEG_STATUS_INVALID_PARAMETER: return "invalid parameter";
    case NVJPEG_STATUS_BAD_JPEG: return "the JPEG is damaged";
    case NVJPEG_STATUS_JPEG_NOT_SUPPORTED: return "this kind of JPEG is not supported";
    case NVJPEG_STATUS_ALLOCATOR_FAILURE: return "out of memory";
    case NVJPEG_STATUS_EXECUTION_FAILED: return "execution failed";
    case NVJPEG_STATUS_ARCH_MISMATCH: return "this GPU does not support it";
    case NVJPEG_STATUS_INTERNAL_ERROR: return "internal error";
    case NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED: return "this backend is not supported";
    case NVJPEG_STATUS_INCOMPLETE_BITSTREAM: return "the JPEG ends before its image does";
    default: return "unknown status";
  }
}

}  // namespace

const NvJpeg& nvjpeg() {
  static const NvJpeg api = load();
  return api;
}

void check(nvjpegStatus_t status, const char* call) {
  if (status == NVJPEG_STATUS_SUCCESS) return;
  const std::string sentence =
      std::string(call) + " failed: " + words(status) + " (" + std::to_string(status) + ").";
  if (status == NVJPEG_STATUS_ALLOCATOR_FAILURE)
    throw Error("device.memory", sentence,
                "Free memory on the GPU (nvidia-smi shows who holds it), or use a smaller batch.");
  throw Error("device.jpeg", sentence, "Save the image as PNG, which the host decodes.");
}

bool decoded(nvjpegStatus_t status) {
  if (status == NVJPEG_STATUS_ALLOCATOR_FAILURE) check(status, "Decoding a JPEG");
  return status == NVJPEG_STATUS_SUCCESS;
}

}  // namespace peregrine::decode
