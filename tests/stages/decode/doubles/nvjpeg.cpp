// Stands in for libnvjpeg.so.13 over host memory: it says of an image what nvJPEG says, and decodes it as the
// host decoder does. It notes each call, and fails the calls that a test names.
#include <nvjpeg.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "peregrine/error.h"
#include "stages/decode/decode.h"
#include "stages/decode/orientation.h"

struct nvjpegJpegStream {
  std::vector<std::byte> file;
  unsigned width = 0, height = 0, components = 0;
  nvjpegJpegEncoding_t encoding = NVJPEG_ENCODING_UNKNOWN;
};
struct nvjpegDecodeParams {
  nvjpegOutputFormat_t format = NVJPEG_OUTPUT_RGB;
  nvjpegExifOrientation_t orientation = NVJPEG_ORIENTATION_UNKNOWN;
};
struct nvjpegHandle {};
struct nvjpegJpegDecoder {};
struct nvjpegBufferPinned {};
struct nvjpegBufferDevice {};
struct nvjpegJpegState {
  bool pinned = false, device = false;
  int batch = 0;
  // Of the decoupled interface: what the step before has left.
  std::vector<std::byte> on_host, on_device;
  const nvjpegDecodeParams* params = nullptr;
};

namespace {

struct State {
  std::string calls;
  std::map<std::string, nvjpegStatus_t> failing;
  std::set<const void*> alive;
  bool hardware = true, supports = true;
};
State& state() {
  static State instance;
  return instance;
}

/// Notes the call, and gives the status that a test wants of it.
nvjpegStatus_t enter(const char* call, const std::string& detail = {}) {
  state().calls += std::string(call) + (detail.empty() ? "" : " " + detail) + "\n";
  const auto planned = state().failing.find(call);
  return planned == state().failing.end() ? NVJPEG_STATUS_SUCCESS : planned->second;
}

template <class Thing>
nvjpegStatus_t make(const char* call, Thing** thing) {
  if (const auto status = enter(call); status != NVJPEG_STATUS_SUCCESS) return status;
  *thing = new Thing;
  state().alive.insert(*thing);
  return NVJPEG_STATUS_SUCCESS;
}

template <class Thing>
nvjpegStatus_t destroy(Thing* thing) {
  if (state().alive.erase(thing) == 0) return NVJPEG_STATUS_INVALID_PARAMETER;
  delete thing;
  return NVJPEG_STATUS_SUCCESS;
}

/// The frame header: its marker says how the image is encoded.
bool read_frame(nvjpegJpegStream& stream) {
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(stream.file[i]); };
  for (std::size_t i = 2; i + 9 < stream.file.size() && byte(i) == 0xff;) {
    const unsigned marker = byte(i + 1);
    if (marker >= 0xc0 && marker <= 0xc3) {
      stream.encoding = static_cast<nvjpegJpegEncoding_t>(marker);
      stream.height = byte(i + 5) << 8 | byte(i + 6);
      stream.width = byte(i + 7) << 8 | byte(i + 8);
      stream.components = byte(i + 9);
      return true;
    }
    i += 2 + (byte(i + 2) << 8 | byte(i + 3));
  }
  return false;
}

/// As nvJPEG with these parameters: BGR rows of the given pitch, upright.
nvjpegStatus_t decode(std::span<const std::byte> file, const nvjpegDecodeParams& params,
                      const nvjpegImage_t& image) {
  const int orientation = peregrine::decode::jpeg_orientation(file);
  if (params.format != NVJPEG_OUTPUT_BGRI || params.orientation != orientation)
    return NVJPEG_STATUS_INVALID_PARAMETER;
  try {
    const peregrine::HostImage pixels = peregrine::decode::decode_image(file, "a JPEG");
    const std::size_t row = static_cast<std::size_t>(pixels.width) * 3;
    for (int y = 0; y < pixels.height; ++y)
      std::memcpy(image.channel[0] + static_cast<std::size_t>(y) * image.pitch[0],
                  pixels.pixels.data() + static_cast<std::size_t>(y) * row, row);
    return NVJPEG_STATUS_SUCCESS;
  } catch (const peregrine::Error&) {
    return NVJPEG_STATUS_BAD_JPEG;
  }
}

}  // namespace

extern "C" {

// What the tests call.

/// The calls so far, a line each, and forgets them.
const char* double_calls() {
  static std::string answer;
  answer = std::exchange(state().calls, {});
  return answer.c_str();
}
/// Back to a GPU with a decoder engine on which nothing fails.
void double_reset() {
  state().failing.clear();
  state().hardware = state().supports = true;
  state().calls.clear();
}
void double_without_engine() { state().hardware = false; }
void double_supports_nothing() { state().supports = false; }
void double_fail(const char* call, int status) {
  state().failing[call] = static_cast<nvjpegStatus_t>(status);
}
int double_alive() { return static_cast<int>(state().alive.size()); }

// What the library calls.

nvjpegStatus_t NVJPEGAPI nvjpegCreateEx(nvjpegBackend_t backend, nvjpegDevAllocator_t*,
                                        nvjpegPinnedAllocator_t*, unsigned flags, nvjpegHandle_t* handle) {
  const bool interpolated = flags == NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION;
  state().calls += "backend " + std::to_string(backend) + (interpolated ? " interpolated" : "") + "\n";
  if (backend == NVJPEG_BACKEND_HARDWARE && !state().hardware) return NVJPEG_STATUS_ARCH_MISMATCH;
  return make("nvjpegCreateEx", handle);
}
nvjpegStatus_t NVJPEGAPI nvjpegDestroy(nvjpegHandle_t handle) { return destroy(handle); }
nvjpegStatus_t NVJPEGAPI nvjpegJpegStateCreate(nvjpegHandle_t, nvjpegJpegState_t* s) {
  return make("nvjpegJpegStateCreate", s);
}
nvjpegStatus_t NVJPEGAPI nvjpegJpegStateDestroy(nvjpegJpegState_t s) { return destroy(s); }
nvjpegStatus_t NVJPEGAPI nvjpegJpegStreamCreate(nvjpegHandle_t, nvjpegJpegStream_t* s) {
  return make("nvjpegJpegStreamCreate", s);
}
nvjpegStatus_t NVJPEGAPI nvjpegJpegStreamDestroy(nvjpegJpegStream_t s) { return destroy(s); }
nvjpegStatus_t NVJPEGAPI nvjpegDecodeParamsCreate(nvjpegHandle_t, nvjpegDecodeParams_t* p) {
  return make("nvjpegDecodeParamsCreate", p);
}
nvjpegStatus_t NVJPEGAPI nvjpegDecodeParamsDestroy(nvjpegDecodeParams_t p) { return destroy(p); }
nvjpegStatus_t NVJPEGAPI nvjpegDecoderCreate(nvjpegHandle_t, nvjpegBackend_t backend,
                                             nvjpegJpegDecoder_t* decoder) {
  return backend == NVJPEG_BACKEND_GPU_HYBRID ? make("nvjpegDecoderCreate", decoder)
                                              : NVJPEG_STATUS_INVALID_PARAMETER;
}
nvjpegStatus_t NVJPEGAPI nvjpegDecoderDestroy(nvjpegJpegDecoder_t decoder) { return destroy(decoder); }
nvjpegStatus_t NVJPEGAPI nvjpegDecoderStateCreate(nvjpegHandle_t, nvjpegJpegDecoder_t, nvjpegJpegState_t* s) {
  return make("nvjpegDecoderStateCreate", s);
}
nvjpegStatus_t NVJPEGAPI nvjpegBufferPinnedCreate(nvjpegHandle_t, nvjpegPinnedAllocator_t*,
                                                  nvjpegBufferPinned_t* b) {
  return make("nvjpegBufferPinnedCreate", b);
}
nvjpegStatus_t NVJPEGAPI nvjpegBufferPinnedDestroy(nvjpegBufferPinned_t b) { return destroy(b); }
nvjpegStatus_t NVJPEGAPI nvjpegBufferDeviceCreate(nvjpegHandle_t, nvjpegDevAllocator_t*,
                                                  nvjpegBufferDevice_t* b) {
  return make("nvjpegBufferDeviceCreate", b);
}
nvjpegStatus_t NVJPEGAPI nvjpegBufferDeviceDestroy(nvjpegBufferDevice_t b) { return destroy(b); }
nvjpegStatus_t NVJPEGAPI nvjpegStateAttachPinnedBuffer(nvjpegJpegState_t s, nvjpegBufferPinned_t) {
  s->pinned = true;
  return enter("nvjpegStateAttachPinnedBuffer");
}
nvjpegStatus_t NVJPEGAPI nvjpegStateAttachDeviceBuffer(nvjpegJpegState_t s, nvjpegBufferDevice_t) {
  s->device = true;
  return enter("nvjpegStateAttachDeviceBuffer");
}

nvjpegStatus_t NVJPEGAPI nvjpegDecodeParamsSetOutputFormat(nvjpegDecodeParams_t params,
                                                           nvjpegOutputFormat_t format) {
  params->format = format;
  return NVJPEG_STATUS_SUCCESS;
}
nvjpegStatus_t NVJPEGAPI nvjpegDecodeParamsSetExifOrientation(nvjpegDecodeParams_t params,
                                                              nvjpegExifOrientation_t orientation) {
  params->orientation = orientation;
  return NVJPEG_STATUS_SUCCESS;
}

nvjpegStatus_t NVJPEGAPI nvjpegJpegStreamParse(nvjpegHandle_t, const unsigned char* data, std::size_t length,
                                               int, int, nvjpegJpegStream_t stream) {
  const auto bytes = std::as_bytes(std::span(data, length));
  *stream = {{bytes.begin(), bytes.end()}};
  return read_frame(*stream) ? NVJPEG_STATUS_SUCCESS : NVJPEG_STATUS_BAD_JPEG;
}
nvjpegStatus_t NVJPEGAPI nvjpegJpegStreamParseHeader(nvjpegHandle_t handle, const unsigned char* data,
                                                     std::size_t length, nvjpegJpegStream_t stream) {
  return nvjpegJpegStreamParse(handle, data, length, 0, 0, stream);
}
nvjpegStatus_t NVJPEGAPI nvjpegJpegStreamGetJpegEncoding(nvjpegJpegStream_t stream,
                                                         nvjpegJpegEncoding_t* encoding) {
  *encoding = stream->encoding;
  return NVJPEG_STATUS_SUCCESS;
}
nvjpegStatus_t NVJPEGAPI nvjpegJpegStreamGetFrameDimensions(nvjpegJpegStream_t stream, unsigned* width,
                                                            unsigned* height) {
  *width = stream->width;
  *height = stream->height;
  return NVJPEG_STATUS_SUCCESS;
}
nvjpegStatus_t NVJPEGAPI nvjpegJpegStreamGetComponentsNum(nvjpegJpegStream_t stream, unsigned* components) {
  *components = stream->components;
  return NVJPEG_STATUS_SUCCESS;
}
/// nvJPEG says "unknown" of files without a note.
nvjpegStatus_t NVJPEGAPI nvjpegJpegStreamGetExifOrientation(nvjpegJpegStream_t stream,
                                                            nvjpegExifOrientation_t* orientation) {
  const int noted = peregrine::decode::jpeg_orientation(stream->file);
  *orientation = noted == 1 ? NVJPEG_ORIENTATION_UNKNOWN : static_cast<nvjpegExifOrientation_t>(noted);
  return NVJPEG_STATUS_SUCCESS;
}

nvjpegStatus_t NVJPEGAPI nvjpegDecoderJpegSupported(nvjpegJpegDecoder_t, nvjpegJpegStream_t,
                                                    nvjpegDecodeParams_t, int* unsupported) {
  *unsupported = state().supports ? 0 : 1;
  return enter("nvjpegDecoderJpegSupported");
}
nvjpegStatus_t NVJPEGAPI nvjpegDecodeBatchedSupportedEx(nvjpegHandle_t, nvjpegJpegStream_t,
                                                        nvjpegDecodeParams_t, int* unsupported) {
  *unsupported = state().supports ? 0 : 1;
  return enter("nvjpegDecodeBatchedSupportedEx");
}

nvjpegStatus_t NVJPEGAPI nvjpegDecodeJpegHost(nvjpegHandle_t, nvjpegJpegDecoder_t, nvjpegJpegState_t s,
                                              nvjpegDecodeParams_t params, nvjpegJpegStream_t stream) {
  if (!s->pinned || !s->device) return NVJPEG_STATUS_INVALID_PARAMETER;
  s->on_host = stream->file;
  s->params = params;
  return enter("nvjpegDecodeJpegHost");
}
nvjpegStatus_t NVJPEGAPI nvjpegDecodeJpegTransferToDevice(nvjpegHandle_t, nvjpegJpegDecoder_t,
                                                          nvjpegJpegState_t s, nvjpegJpegStream_t,
                                                          cudaStream_t) {
  s->on_device = std::move(s->on_host);
  return enter("nvjpegDecodeJpegTransferToDevice");
}
nvjpegStatus_t NVJPEGAPI nvjpegDecodeJpegDevice(nvjpegHandle_t, nvjpegJpegDecoder_t, nvjpegJpegState_t s,
                                                nvjpegImage_t* image, cudaStream_t) {
  if (const auto status = enter("nvjpegDecodeJpegDevice"); status != NVJPEG_STATUS_SUCCESS) return status;
  return decode(s->on_device, *s->params, *image);
}

nvjpegStatus_t NVJPEGAPI nvjpegDecodeBatchedInitialize(nvjpegHandle_t, nvjpegJpegState_t s, int batch, int,
                                                       nvjpegOutputFormat_t) {
  s->batch = batch;
  return enter("nvjpegDecodeBatchedInitialize", std::to_string(batch));
}
/// One damaged image fails the batch.
nvjpegStatus_t NVJPEGAPI nvjpegDecodeBatchedEx(nvjpegHandle_t, nvjpegJpegState_t s,
                                               const unsigned char* const* data, const std::size_t* lengths,
                                               nvjpegImage_t* images, nvjpegDecodeParams_t* params,
                                               cudaStream_t) {
  if (const auto status = enter("nvjpegDecodeBatchedEx", std::to_string(s->batch));
      status != NVJPEG_STATUS_SUCCESS)
    return status;
  for (int i = 0; i < s->batch; ++i)
    if (const auto status = decode(std::as_bytes(std::span(data[i], lengths[i])), *params[i], images[i]);
        status != NVJPEG_STATUS_SUCCESS)
      return status;
  return NVJPEG_STATUS_SUCCESS;
}
}
