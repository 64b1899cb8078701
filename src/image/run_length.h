// Run lengths of a binary mask in COCO's order: column after column, beginning with zeros.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "peregrine/results.h"

namespace peregrine {

/// A rectangle of an image, in pixels. Lies inside the image; may be empty.
struct MaskWindow {
  int left = 0, top = 0, width = 0, height = 0;
};

/// Run lengths of a height x width mask that is zero outside `window`. `bits`: window.height * window.width
/// bytes, row-major, each 0 or 1. One pass over the rows: the cost of a column-wise walk is paid for the
/// mask's outline alone.
RunLengthMask encode_mask(std::span<const std::uint8_t> bits, const MaskWindow& window, int height,
                          int width);

/// The same from packed columns, as mask kernels write them: each column ceil(window.height / 32) words, row
/// r in bit r % 32 of word r / 32, unused bits zero.
RunLengthMask encode_packed_mask(std::span<const std::uint32_t> words, const MaskWindow& window, int height,
                                 int width);

/// Row-major bytes, height * width, each 0 or 1.
std::vector<std::uint8_t> decode_mask(const RunLengthMask& mask);

/// Calls `visit(column, first_row, end_row)` for each vertical run of ones, left to right, top to bottom.
/// The counts must add up to height * width, as encode_mask and from_coco_string guarantee.
template <class Visitor>
void for_each_run(const RunLengthMask& mask, Visitor visit) {
  const std::int64_t height = mask.height;
  std::int64_t position = 0;
  bool one = false;
  for (const std::uint32_t count : mask.counts) {
    const std::int64_t end = position + count;
    while (one && position < end) {
      const std::int64_t column = position / height;
      const std::int64_t stop = std::min(end, (column + 1) * height);
      visit(static_cast<int>(column), static_cast<int>(position - column * height),
            static_cast<int>(stop - column * height));
      position = stop;
    }
    position = end;
    one = !one;
  }
}

}  // namespace peregrine
