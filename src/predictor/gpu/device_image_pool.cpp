#include "predictor/gpu/device_image_pool.h"

#include <fmt/format.h>

#include <cstring>
#include <memory>

#include "core/log.h"
#include "cuda/device.h"
#include "peregrine/error.h"
#include "stages/decode/decode.h"

namespace peregrine::predictor {

namespace {

bool looks_like_jpeg(std::span<const std::byte> file) {
  return file.size() > 2 && file[0] == std::byte{0xff} && file[1] == std::byte{0xd8};
}

}  // namespace

void DeviceImagePool::open_decoder() {
  decoder_.emplace();
  log::info(fmt::format("JPEGs are decoded by nvJPEG's {} backend", decode::to_string(decoder_->backend())));
}

ImageView DeviceImagePool::reserve(Slot& slot, int width, int height) {
  const std::size_t pitch = static_cast<std::size_t>(width) * 3,
                    bytes = pitch * static_cast<std::size_t>(height);
  if (slot.pixels.bytes() < bytes) {
    slot.pixels = {};  // first give back, then take: two images need not fit at once
    slot.pixels =
        cuda::DeviceArray<std::uint8_t>(bytes, fmt::format("an image of {}x{} pixels", width, height));
  }
  return {slot.pixels.data(),
          width,
          height,
          static_cast<std::ptrdiff_t>(pitch),
          PixelOrder::bgr,
          cuda::place_of(slot.pixels.data()),
          nullptr};
}

ImageView DeviceImagePool::upload(Slot& slot, const ImageView& pixels, cudaStream_t stream) {
  ImageView view = reserve(slot, pixels.width, pixels.height);
  view.order = pixels.order;
  const std::size_t row = static_cast<std::size_t>(pixels.width) * 3,
                    bytes = row * static_cast<std::size_t>(pixels.height);
  if (slot.staging.bytes() < bytes) {
    slot.staging = {};
    slot.staging = cuda::PinnedArray<std::uint8_t>(bytes, "staging of an image");
  }
  for (int y = 0; y < pixels.height; ++y)
    std::memcpy(slot.staging.data() + static_cast<std::size_t>(y) * row, pixels.data + y * pixels.pitch, row);
  cuda::copy_to_device("pixels", slot.pixels.data(), slot.staging.data(), bytes, stream);
  return view;
}

DeviceImagePool::LoadedImage DeviceImagePool::decode_on_host(Slot& slot, const Frame& frame,
                                                             const std::string& why, bool strict,
                                                             std::int64_t max_pixels, cudaStream_t stream) {
  LoadedImage loaded;
  loaded.host_decoded = true;
  try {
    if (strict)
      throw Error("enforcement.host_decoded",
                  fmt::format("{} would be decoded on the host: {}.", frame.name, why),
                  "Leave out --strict-decode, or give it baseline JPEGs.");
    const HostImage image = decode::decode_image(frame.file, frame.name, max_pixels);
    log::debug(fmt::format("{}: host-decoded ({})", frame.name, why));
    loaded.view = upload(slot, image.view(), stream);
  } catch (const Error& error) {
    if (is_gpu_failure(error)) throw;  // not this image's fault
    loaded.error = error;
  }
  return loaded;
}

DeviceImagePool::LoadedImage DeviceImagePool::take_over(Slot& slot, const Frame& frame, cudaStream_t stream) {
  const ImageView& pixels = *frame.pixels;
  LoadedImage loaded;
  try {
    // The guard asks the driver where the memory is: a view that lies would crash a kernel.
    const TensorView place{const_cast<std::uint8_t*>(pixels.data),
                           DType::u8,
                           pixels.device,
                           {pixels.height, pixels.width, 3},
                           {}};
    if (pixels.device.on_gpu() && policy_.require_gpu(frame.name.empty() ? "frame" : frame.name, place)) {
      if (pixels.cuda_stream) {
        const auto writer = static_cast<cudaStream_t>(pixels.cuda_stream);
        cuda::require_stream_on(writer, policy_.expected().index);
        written_.record(writer);
        cuda::wait(stream, written_);
      }
      loaded.view = pixels;
    } else {
      loaded = {upload(slot, pixels, stream), true, {}};
    }
  } catch (const Error& error) {
    if (is_gpu_failure(error)) throw;  // not this image's fault
    loaded.error = error;
  }
  return loaded;
}

std::vector<DeviceImagePool::LoadedImage> DeviceImagePool::load(std::span<const Frame> frames, bool strict,
                                                                std::int64_t max_pixels,
                                                                cudaStream_t stream) {
  std::vector<LoadedImage> loaded(frames.size());
  std::vector<decode::JpegJob> jobs;
  std::vector<std::size_t> job_frames;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Frame& frame = frames[i];
    Slot& slot = slots_.at(i);
    if (frame.pixels) {
      loaded[i] = take_over(slot, frame, stream);
      continue;
    }
    std::string why = "it is no JPEG";
    if (looks_like_jpeg(frame.file)) {
      if (!decoder_) open_decoder();
      const decode::JpegHeader header = decoder_->inspect(frame.file);
      why = header.refusal;
      if (why.empty() && header.width > max_pixels / header.height) why = "it has more pixels than allowed";
      const bool host_part = decoder_->backend() == decode::JpegBackend::gpu_hybrid;
      if (why.empty() && strict && host_part)
        why = "nvJPEG's GPU_HYBRID backend decodes part of it on the host";
      if (why.empty()) {
        loaded[i].host_decoded = host_part;
        loaded[i].view = reserve(slot, header.width, header.height);
        jobs.push_back(
            {frame.file, slot.pixels.data(), static_cast<std::size_t>(header.width) * 3, header.orientation});
        job_frames.push_back(i);
        continue;
      }
    }
    loaded[i] = decode_on_host(slot, frame, why, strict, max_pixels, stream);
  }
  if (jobs.empty()) return loaded;
  const auto failed = std::make_unique<bool[]>(jobs.size());
  decoder_->decode(jobs, {failed.get(), jobs.size()}, stream);
  for (std::size_t j = 0; j < jobs.size(); ++j)
    if (failed[j])
      loaded[job_frames[j]] = decode_on_host(slots_[job_frames[j]], frames[job_frames[j]],
                                             "nvJPEG could not decode it", strict, max_pixels, stream);
  return loaded;
}

}  // namespace peregrine::predictor
