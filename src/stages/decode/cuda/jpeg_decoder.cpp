#include "stages/decode/cuda/jpeg_decoder.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/log.h"
#include "core/trace.h"
#include "cuda/stream.h"
#include "gpu_policy/transfer_log.h"
#include "peregrine/error.h"
#include "stages/decode/cuda/nvjpeg.h"

namespace peregrine::decode {

namespace {

constexpr nvjpegOutputFormat_t output_format = NVJPEG_OUTPUT_BGRI;
/// Chroma is interpolated, as libjpeg does; without it edges of colour move by half a pixel.
constexpr unsigned handle_flags = NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION;

using Params = NvJpegOwner<nvjpegDecodeParams_t>;
using State = NvJpegOwner<nvjpegJpegState_t>;
using JpegStream = NvJpegOwner<nvjpegJpegStream_t>;

template <class Handle, class Create, class... Arguments>
NvJpegOwner<Handle> make(const char* call, Create create, typename NvJpegOwner<Handle>::Destroy destroy,
                         Arguments... arguments) {
  Handle handle = nullptr;
  check(create(arguments..., &handle), call);
  return {handle, destroy};
}

/// A file that was cut short still parses; its end-of-image marker is missing from the scan's end.
bool ends_with_image(std::span<const std::byte> file) {
  constexpr std::size_t longest_trailer = 4096;  // cameras append padding, rarely more
  const std::size_t first = file.size() > longest_trailer ? file.size() - longest_trailer : 0;
  for (std::size_t i = file.size() - 1; i > first; --i)
    if (file[i - 1] == std::byte{0xff} && file[i] == std::byte{0xd9}) return true;
  return false;
}

bool turns_sideways(int orientation) { return orientation >= NVJPEG_ORIENTATION_TRANSPOSE; }

const unsigned char* bytes_of(std::span<const std::byte> file) {
  return reinterpret_cast<const unsigned char*>(file.data());
}

}  // namespace

const char* to_string(JpegBackend backend) noexcept {
  return backend == JpegBackend::hardware ? "HARDWARE" : "GPU_HYBRID";
}

struct JpegDecoder::Impl {
  const NvJpeg& api = nvjpeg();
  JpegBackend backend = JpegBackend::hardware;
  NvJpegOwner<nvjpegHandle_t> handle;
  JpegStream stream;
  Params inspect_params;
  /// Of the decoder engine: one may be filled while the other is read. The kernels' interface has the first
  /// alone.
  struct Turn {
    State state;
    cuda::Event read;
  };
  std::array<Turn, 2> turns;
  std::size_t turn = 0;
  // GPU_HYBRID's decoupled interface only.
  NvJpegOwner<nvjpegJpegDecoder_t> decoder;
  NvJpegOwner<nvjpegBufferPinned_t> pinned;
  NvJpegOwner<nvjpegBufferDevice_t> device;

  bool open(JpegBackend wanted);
  Params make_params(int orientation) const;
  int orientation() const;
  nvjpegStatus_t decode_batch(std::span<const JpegJob> jobs, cudaStream_t cuda_stream);
  nvjpegStatus_t decode_one(const JpegJob& job, cudaStream_t cuda_stream);
};

bool JpegDecoder::Impl::open(JpegBackend wanted) {
  const auto native = wanted == JpegBackend::hardware ? NVJPEG_BACKEND_HARDWARE : NVJPEG_BACKEND_GPU_HYBRID;
  nvjpegHandle_t raw = nullptr;
  if (api.nvjpegCreateEx(native, nullptr, nullptr, handle_flags, &raw) != NVJPEG_STATUS_SUCCESS) return false;
  handle = {raw, api.nvjpegDestroy};
  backend = wanted;
  stream = make<nvjpegJpegStream_t>("nvjpegJpegStreamCreate", api.nvjpegJpegStreamCreate,
                                    api.nvjpegJpegStreamDestroy, raw);
  inspect_params = make_params(NVJPEG_ORIENTATION_NORMAL);
  if (wanted == JpegBackend::hardware) {
    for (Turn& one : turns) {
      one.state = make<nvjpegJpegState_t>("nvjpegJpegStateCreate", api.nvjpegJpegStateCreate,
                                          api.nvjpegJpegStateDestroy, raw);
      one.read = cuda::Event::create();
    }
    return true;
  }
  State& state = turns[0].state;
  decoder = make<nvjpegJpegDecoder_t>("nvjpegDecoderCreate", api.nvjpegDecoderCreate,
                                      api.nvjpegDecoderDestroy, raw, native);
  state = make<nvjpegJpegState_t>("nvjpegDecoderStateCreate", api.nvjpegDecoderStateCreate,
                                  api.nvjpegJpegStateDestroy, raw, decoder.get());
  pinned = make<nvjpegBufferPinned_t>("nvjpegBufferPinnedCreate", api.nvjpegBufferPinnedCreate,
                                      api.nvjpegBufferPinnedDestroy, raw, nullptr);
  device = make<nvjpegBufferDevice_t>("nvjpegBufferDeviceCreate", api.nvjpegBufferDeviceCreate,
                                      api.nvjpegBufferDeviceDestroy, raw, nullptr);
  check(api.nvjpegStateAttachPinnedBuffer(state.get(), pinned.get()), "nvjpegStateAttachPinnedBuffer");
  check(api.nvjpegStateAttachDeviceBuffer(state.get(), device.get()), "nvjpegStateAttachDeviceBuffer");
  return true;
}

Params JpegDecoder::Impl::make_params(int orientation) const {
  Params params = make<nvjpegDecodeParams_t>("nvjpegDecodeParamsCreate", api.nvjpegDecodeParamsCreate,
                                             api.nvjpegDecodeParamsDestroy, handle.get());
  check(api.nvjpegDecodeParamsSetOutputFormat(params.get(), output_format),
        "nvjpegDecodeParamsSetOutputFormat");
  check(api.nvjpegDecodeParamsSetExifOrientation(params.get(),
                                                 static_cast<nvjpegExifOrientation_t>(orientation)),
        "nvjpegDecodeParamsSetExifOrientation");
  return params;
}

/// Of the file that `stream` has read.
int JpegDecoder::Impl::orientation() const {
  nvjpegExifOrientation_t noted = NVJPEG_ORIENTATION_NORMAL;
  check(api.nvjpegJpegStreamGetExifOrientation(stream.get(), &noted), "nvjpegJpegStreamGetExifOrientation");
  return noted == NVJPEG_ORIENTATION_UNKNOWN ? NVJPEG_ORIENTATION_NORMAL : noted;
}

nvjpegStatus_t JpegDecoder::Impl::decode_batch(std::span<const JpegJob> jobs, cudaStream_t cuda_stream) {
  turn = (turn + 1) % turns.size();
  const auto& [state, read] = turns[turn];
  read.synchronize();
  std::vector<const unsigned char*> data;
  std::vector<std::size_t> lengths;
  std::vector<nvjpegImage_t> images;
  std::vector<Params> params;
  std::vector<nvjpegDecodeParams_t> raw_params;
  for (const JpegJob& job : jobs) {
    data.push_back(bytes_of(job.file));
    lengths.push_back(job.file.size());
    nvjpegImage_t& image = images.emplace_back(nvjpegImage_t{});
    image.channel[0] = job.pixels;
    image.pitch[0] = job.pitch;
    params.push_back(make_params(job.orientation));
    raw_params.push_back(params.back().get());
  }
  auto status = api.nvjpegDecodeBatchedInitialize(handle.get(), state.get(), static_cast<int>(jobs.size()), 1,
                                                  output_format);
  if (status == NVJPEG_STATUS_SUCCESS)
    status = api.nvjpegDecodeBatchedEx(handle.get(), state.get(), data.data(), lengths.data(), images.data(),
                                       raw_params.data(), cuda_stream);
  read.record(cuda_stream);
  return status;
}

nvjpegStatus_t JpegDecoder::Impl::decode_one(const JpegJob& job, cudaStream_t cuda_stream) {
  if (backend == JpegBackend::hardware) return decode_batch({&job, 1}, cuda_stream);
  const Params params = make_params(job.orientation);
  const State& state = turns[0].state;
  nvjpegImage_t image{};
  image.channel[0] = job.pixels;
  image.pitch[0] = job.pitch;
  auto status =
      api.nvjpegJpegStreamParse(handle.get(), bytes_of(job.file), job.file.size(), 0, 0, stream.get());
  if (status == NVJPEG_STATUS_SUCCESS)
    status = api.nvjpegDecodeJpegHost(handle.get(), decoder.get(), state.get(), params.get(), stream.get());
  if (status == NVJPEG_STATUS_SUCCESS)
    status = api.nvjpegDecodeJpegTransferToDevice(handle.get(), decoder.get(), state.get(), stream.get(),
                                                  cuda_stream);
  if (status == NVJPEG_STATUS_SUCCESS)
    status = api.nvjpegDecodeJpegDevice(handle.get(), decoder.get(), state.get(), &image, cuda_stream);
  // The state's buffers are used again by the next image.
  cuda::check(cuda::runtime().stream_synchronize(cuda_stream), "cudaStreamSynchronize", "JPEG decoding");
  return status;
}

JpegDecoder::JpegDecoder(std::optional<JpegBackend> preferred) : impl_(std::make_unique<Impl>()) {
  if (impl_->open(preferred.value_or(JpegBackend::hardware))) return;
  if (!preferred && impl_->open(JpegBackend::gpu_hybrid)) return;
  throw Error("device.jpeg",
              std::string("nvJPEG has no ") + to_string(preferred.value_or(JpegBackend::gpu_hybrid)) +
                  " backend on this GPU.",
              "Leave the choice of the backend to Peregrine.");
}

JpegDecoder::~JpegDecoder() = default;
JpegDecoder::JpegDecoder(JpegDecoder&&) noexcept = default;
JpegDecoder& JpegDecoder::operator=(JpegDecoder&&) noexcept = default;

JpegBackend JpegDecoder::backend() const noexcept { return impl_->backend; }

JpegHeader JpegDecoder::inspect(std::span<const std::byte> file) {
  const NvJpeg& api = impl_->api;
  const auto refuse = [](const char* why) { return JpegHeader{.refusal = why}; };
  if (file.size() < 4 || file[0] != std::byte{0xff} || file[1] != std::byte{0xd8})
    return refuse("it is no JPEG");
  const nvjpegJpegStream_t stream = impl_->stream.get();
  if (api.nvjpegJpegStreamParseHeader(impl_->handle.get(), bytes_of(file), file.size(), stream) !=
      NVJPEG_STATUS_SUCCESS)
    return refuse("its header cannot be read");
  unsigned width = 0, height = 0, components = 0;
  nvjpegJpegEncoding_t encoding = NVJPEG_ENCODING_UNKNOWN;
  check(api.nvjpegJpegStreamGetFrameDimensions(stream, &width, &height),
        "nvjpegJpegStreamGetFrameDimensions");
  check(api.nvjpegJpegStreamGetComponentsNum(stream, &components), "nvjpegJpegStreamGetComponentsNum");
  check(api.nvjpegJpegStreamGetJpegEncoding(stream, &encoding), "nvjpegJpegStreamGetJpegEncoding");
  if (encoding != NVJPEG_ENCODING_BASELINE_DCT) return refuse("it is not a baseline JPEG");
  if (components == 4) return refuse("it is CMYK");
  if (!ends_with_image(file)) return refuse("it ends before its image does");
  int unsupported = 1;
  if (impl_->backend == JpegBackend::hardware)
    check(api.nvjpegDecodeBatchedSupportedEx(impl_->handle.get(), stream, impl_->inspect_params.get(),
                                             &unsupported),
          "nvjpegDecodeBatchedSupportedEx");
  else
    check(api.nvjpegDecoderJpegSupported(impl_->decoder.get(), stream, impl_->inspect_params.get(),
                                         &unsupported),
          "nvjpegDecoderJpegSupported");
  if (unsupported != 0) return refuse("nvJPEG does not decode this kind");
  const int orientation = impl_->orientation();
  if (turns_sideways(orientation)) std::swap(width, height);
  return {static_cast<int>(width), static_cast<int>(height), orientation, ""};
}

void JpegDecoder::decode(std::span<const JpegJob> jobs, std::span<bool> failed, void* cuda_stream) {
  const trace::Range range("jpeg");  // by which audit knows nvJPEG's own copies
  const auto stream = static_cast<cudaStream_t>(cuda_stream);
  std::ranges::fill(failed, false);
  for (const JpegJob& job : jobs)
    transfer_log::record("jpeg", transfer_log::Direction::host_to_device, job.file.size());
  if (impl_->backend == JpegBackend::hardware && jobs.size() > 1) {
    if (decoded(impl_->decode_batch(jobs, stream))) return;
    log::debug("a batch of JPEGs failed; decoding them one by one to find the damaged one");
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) failed[i] = !decoded(impl_->decode_one(jobs[i], stream));
}

}  // namespace peregrine::decode
