// 8-bit bilinear resize, one output row at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "peregrine/image.h"
#include "stages/preprocess/resize_math.h"

namespace peregrine::preprocess {

/// Produces the rows of `image` resized to width x height. Rows asked for in rising order are cheapest: each
/// source row is blended horizontally once. The image must be in host memory and outlive this object.
class RowResampler {
 public:
  RowResampler(const ImageView& image, int width, int height);

  /// Row `y` as three planes of `width` bytes, planes in the channel order of the image; valid until the next
  /// call.
  const std::uint8_t* row(int y);

 private:
  const std::int16_t* blended_row(int source_row);

  ImageView image_;
  int width_, height_;
  std::vector<Tap> columns_;  ///< positions as byte offsets into a source row
  std::vector<std::int16_t> blended_[2];
  int blended_index_[2] = {-1, -1};
  std::vector<std::uint8_t> row_;
};

}  // namespace peregrine::preprocess
