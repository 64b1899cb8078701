// Computes which pixels of an image a box covers (docs/reference/algorithms.md#reid).
#pragma once

#include <cmath>

#include "core/host_device.h"

namespace peregrine::preprocess {

/// Pixels [left, right) x [top, bottom); empty where right <= left or bottom <= top.
struct CropWindow {
  int left, top, right, bottom;
};

/// Rounded half to even, then clamped to [0, limit]; NaN becomes 0.
PEREGRINE_HD int rounded_edge(float coordinate, int limit) {
  const float rounded = rintf(coordinate);
  if (!(rounded > 0.0f)) return 0;
  return rounded < static_cast<float>(limit) ? static_cast<int>(rounded) : limit;
}

PEREGRINE_HD CropWindow crop_window(const float* box, int width, int height) {
  return {rounded_edge(box[0], width), rounded_edge(box[1], height), rounded_edge(box[2], width),
          rounded_edge(box[3], height)};
}

}  // namespace peregrine::preprocess
