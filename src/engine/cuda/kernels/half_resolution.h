// A map of half the height and width of another, each of whose pixels belongs to 2x2 of the other's.
#pragma once

#include "core/host_device.h"

namespace peregrine::cuda::device {

/// The small map's pixel for a pixel of the large one. `row` counts the rows of all images, `index` = row *
/// width + column their pixels; the result is counted in the same way. Height and width of the large map are
/// even.
PEREGRINE_HD constexpr int half_pixel(int index, int row, int width) {
  return (row >> 1) * (width >> 1) + ((index - row * width) >> 1);
}

}  // namespace peregrine::cuda::device
