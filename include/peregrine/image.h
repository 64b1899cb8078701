// Images in host or device memory: 8 bits a channel, three interleaved channels, rows `pitch` bytes apart.
// The types are plain data: they throw nothing, and copies may be used by any thread. An example, of a dense
// BGR image in device memory that a stream of the caller's writes:
//
//   peregrine::ImageView view{pixels, 1920, 1080, 3 * 1920, peregrine::PixelOrder::bgr,
//                             peregrine::Device::cuda(0), stream};
//   std::vector<peregrine::ImageResult> results = pipeline.run({&view, 1});
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "peregrine/tensor.h"

namespace peregrine {

enum class PixelOrder : std::uint8_t { bgr, rgb };

/// A view of an image that somebody else owns, in host or device memory. 1 <= width, height.
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width = 0;             ///< pixels
  int height = 0;            ///< pixels
  std::ptrdiff_t pitch = 0;  ///< bytes from one row to the next, at least 3 * width
  PixelOrder order = PixelOrder::bgr;
  Device device;
  /// For device memory, the CUDA stream whose work so far writes the image; null where it has been written.
  void* cuda_stream = nullptr;
};

/// An image in host memory with dense rows. Decoders return BGR, as OpenCV does.
struct HostImage {
  int width = 0;
  int height = 0;
  PixelOrder order = PixelOrder::bgr;
  std::vector<std::uint8_t> pixels;  ///< height * width * 3

  ImageView view() const {
    return {pixels.data(), width, height, std::ptrdiff_t{3} * width, order, Device::cpu(), nullptr};
  }
};

}  // namespace peregrine
