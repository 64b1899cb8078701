// The images of tools/fixtures/make_resize_vectors.py: every byte follows from its index.
#pragma once

#include "peregrine/image.h"

namespace peregrine::test {

inline HostImage generated_image(int width, int height, PixelOrder order = PixelOrder::bgr) {
  HostImage image{width, height, order, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * height * 3);
  std::uint32_t index = 0;
  for (std::uint8_t& pixel : image.pixels) {
    std::uint32_t i = ++index;
    i = (i ^ (i >> 15)) * 2654435761u;
    i = (i ^ (i >> 13)) * 2246822519u;
    pixel = static_cast<std::uint8_t>(i >> 24);
  }
  return image;
}

/// Sum over bytes of (value + 1) * (index * odd constant | 1), modulo 2^64.
class Checksum {
 public:
  void add(std::uint8_t value) { sum_ += (value + std::uint64_t{1}) * (index_++ * 0x9E3779B97F4A7C15u | 1); }
  std::uint64_t value() const { return sum_; }

 private:
  std::uint64_t sum_ = 0, index_ = 0;
};

}  // namespace peregrine::test
