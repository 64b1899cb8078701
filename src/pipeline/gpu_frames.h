// Pictures on their way into device memory: compressed where the GPU decodes them, as pixels otherwise.
#pragma once

#include <optional>
#include <vector>

#include "base/cuda/memory.h"
#include "base/cuda/stream.h"
#include "base/guard.h"
#include "decode/cuda/jpeg_decoder.h"
#include "pipeline/batch_runner.h"

namespace peregrine::pipeline {

/// Device memory for the pictures of one batch; grows with them. A runner has two: one is filled while the other is read.
class GpuFrames {
 public:
  /// `guard` checks that frames handed over as device memory are there; `decoder` is opened for the first JPEG. Both outlive
  /// this.
  GpuFrames(int batch, PlacementGuard& guard, std::optional<decode::JpegDecoder>& decoder)
      : guard_(guard), decoder_(decoder), slots_(static_cast<std::size_t>(batch)) {}

  struct Loaded {
    ImageView view;  ///< in device memory
    bool host_decoded = false;
    std::optional<Error> error;
  };

  /// Brings all frames of a batch onto the GPU; one that cannot be decoded fails alone. Under `strict` a picture that
  /// only the host can decode is Error "enforcement.host_decoded".
  std::vector<Loaded> load(std::span<const Frame> frames, bool strict, std::int64_t max_pixels, cudaStream_t stream);

 private:
  struct Slot {
    cuda::DeviceBuffer pixels;
    cuda::PinnedBuffer staging;  ///< for pixels that come from the host
  };
  void open_decoder();
  Loaded take_over(Slot& slot, const Frame& frame, cudaStream_t stream);
  ImageView reserve(Slot& slot, int width, int height);
  ImageView upload(Slot& slot, const ImageView& pixels, cudaStream_t stream);
  Loaded decode_on_host(Slot& slot, const Frame& frame, const std::string& why, bool strict, std::int64_t max_pixels,
                        cudaStream_t stream);

  PlacementGuard& guard_;
  std::optional<decode::JpegDecoder>& decoder_;
  std::vector<Slot> slots_;
  cuda::Event written_ = cuda::Event::create();  ///< by the caller, on the caller's stream
};

}  // namespace peregrine::pipeline
