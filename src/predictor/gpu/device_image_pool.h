// Brings images into device memory: compressed where the GPU decodes them, as pixels otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cuda/array.h"
#include "cuda/stream.h"
#include "gpu_policy/gpu_policy.h"
#include "predictor/batch_runner.h"
#include "stages/decode/cuda/jpeg_decoder.h"

namespace peregrine::predictor {

/// Device memory for the images of a batch, which grows with them. A runner has two: it fills one while it
/// reads the other.
class DeviceImagePool {
 public:
  /// `guard` checks that frames handed over as device memory are there; `decoder` is opened for the first
  /// JPEG. Both outlive this.
  DeviceImagePool(int batch, GpuPolicy& policy, std::optional<decode::JpegDecoder>& decoder)
      : policy_(policy), decoder_(decoder), slots_(static_cast<std::size_t>(batch)) {}

  struct LoadedImage {
    ImageView view;  ///< in device memory
    bool host_decoded = false;
    std::optional<Error> error;
  };

  /// Brings all frames of a batch onto the GPU; one that cannot be decoded fails alone. Under `strict` an
  /// image that only the host can decode is Error "enforcement.host_decoded".
  std::vector<LoadedImage> load(std::span<const Frame> frames, bool strict, std::int64_t max_pixels,
                                cudaStream_t stream);

 private:
  struct Slot {
    cuda::DeviceArray<std::uint8_t> pixels;
    cuda::PinnedArray<std::uint8_t> staging;  ///< for pixels that come from the host
  };
  void open_decoder();
  LoadedImage take_over(Slot& slot, const Frame& frame, cudaStream_t stream);
  ImageView reserve(Slot& slot, int width, int height);
  ImageView upload(Slot& slot, const ImageView& pixels, cudaStream_t stream);
  LoadedImage decode_on_host(Slot& slot, const Frame& frame, const std::string& why, bool strict,
                             std::int64_t max_pixels, cudaStream_t stream);

  GpuPolicy& policy_;
  std::optional<decode::JpegDecoder>& decoder_;
  std::vector<Slot> slots_;
  cuda::Event written_ = cuda::Event::create();  ///< by the caller, on the caller's stream
};

}  // namespace peregrine::predictor
