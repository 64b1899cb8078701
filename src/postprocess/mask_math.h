// Masks from coefficients and prototypes (design, "Masks"): prototypes are combined, upsampled to an intermediate
// picture, cut to the content, and resized to the image, both times bilinear. Called by CPU and kernels alike.
#pragma once

#include <cmath>

#include "base/host_device.h"

namespace peregrine::postprocess {

/// How the prototypes of one picture map to its pixels. Plain data, also read by kernels.
struct MaskPlan {
  int proto_width = 0, proto_height = 0;
  int middle_width = 0, middle_height = 0;                                       ///< prototypes after upsampling
  int content_left = 0, content_top = 0, content_width = 0, content_height = 0;  ///< the picture inside the middle
  int image_width = 0, image_height = 0;
  /// Validation: the middle is the input, holds bits cropped to the box in input pixels, and those are resized.
  bool bits = false;
};

/// Two neighbouring positions and their weights, which sum to 1.
struct LinearTap {
  int first, second;
  float weight_first, weight_second;
};

/// Bilinear, align_corners=False: the source of position `d` when `source` elements become `destination`.
PEREGRINE_HD LinearTap linear_tap(int d, int source, int destination) {
  const float scale = static_cast<float>(source) / static_cast<float>(destination);
  float position = scale * (static_cast<float>(d) + 0.5f) - 0.5f;
  if (position < 0.0f) position = 0.0f;
  int first = static_cast<int>(position);
  if (first > source - 1) first = source - 1;
  const float fraction = position - static_cast<float>(first);
  return {first, first + 1 < source ? first + 1 : first, 1.0f - fraction, fraction};
}

/// Along y before x everywhere: results leave by columns.
PEREGRINE_HD float blend(float first, float second, const LinearTap& tap) {
  return tap.weight_first * first + tap.weight_second * second;
}

/// Bits are resized as numbers and truncated to integers; logits are compared with 0.
PEREGRINE_HD bool mask_bit(float value, bool of_bits) { return of_bits ? value >= 1.0f : value > 0.0f; }

/// Element of the middle picture of bits: cropped to [low, high) along both axes.
PEREGRINE_HD bool inside(int position, float low, float high) {
  return static_cast<float>(position) >= low && static_cast<float>(position) < high;
}

/// First whole pixel not left of `edge`, within [0, limit]; NaN becomes 0.
PEREGRINE_HD int first_pixel(float edge, int limit) {
  const float pixel = ceilf(edge);
  if (!(pixel > 0.0f)) return 0;
  return pixel < static_cast<float>(limit) ? static_cast<int>(pixel) : limit;
}

}  // namespace peregrine::postprocess
