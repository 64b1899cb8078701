// Decodes head values to scores, boxes and keypoints in input pixels (docs/reference/algorithms.md#head),
// element by element. Called by the CPU loop and the kernels alike. expf differs by an ulp between host and
// device, so scores and boxes may; everything else rounds identically.
#pragma once

#include <cmath>

#include "core/host_device.h"

namespace peregrine::postprocess {

PEREGRINE_HD float sigmoid(float logit) { return 1.0f / (1.0f + expf(-logit)); }

/// No logit at or below this passes `sigmoid(logit) > confidence`: the cheap test before the exact one. The
/// slack covers the rounding of sigmoid().
inline float logit_bound(float confidence) {
  const double slack = static_cast<double>(confidence) - 1e-6;
  if (slack <= 0) return -INFINITY;
  return slack < 1 ? static_cast<float>(std::log(slack / (1 - slack))) - 1e-5f : INFINITY;
}

/// Centre and size, in input pixels.
struct CentredBox {
  float x, y, width, height;
};

struct Corners {
  float x1, y1, x2, y2;
};

PEREGRINE_HD Corners corners(const CentredBox& b) {
  return {b.x - b.width / 2, b.y - b.height / 2, b.x + b.width / 2, b.y + b.height / 2};
}

/// Distance of one side: the expected bin of a softmax over `bins` values, `load(i)` giving value i. A head
/// with one bin a side has no distribution: its value is the distance itself.
template <class Load>
PEREGRINE_HD float side_distance(Load load, int bins) {
  float highest = load(0);
  if (bins == 1) return highest;
  for (int i = 1; i < bins; ++i) {
    const float logit = load(i);
    if (logit > highest) highest = logit;
  }
  float total = 0, weighted = 0;
  for (int i = 0; i < bins; ++i) {
    const float e = expf(load(i) - highest);
    total += e;
    weighted += e * static_cast<float>(i);
  }
  return weighted / total;
}

/// Box from the distances of its sides to the anchor at cell (column, row). By way of centre and size, which
/// is how the decoded head has it: both heads then round alike.
PEREGRINE_HD CentredBox decode_box(float left, float top, float right, float bottom, int column, int row,
                                   float stride) {
  const float anchor_x = static_cast<float>(column) + 0.5f;
  const float anchor_y = static_cast<float>(row) + 0.5f;
  const float x1 = anchor_x - left, y1 = anchor_y - top;
  const float x2 = anchor_x + right, y2 = anchor_y + bottom;
  return {(x1 + x2) / 2 * stride, (y1 + y2) / 2 * stride, (x2 - x1) * stride, (y2 - y1) * stride};
}

/// One coordinate of a keypoint; `cell` is the anchor's column or row.
PEREGRINE_HD float decode_keypoint(float value, int cell, float stride) {
  return (value * 2 + static_cast<float>(cell)) * stride;
}

}  // namespace peregrine::postprocess
