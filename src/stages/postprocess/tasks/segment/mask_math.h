// Masks from coefficients and prototypes (docs/reference/algorithms.md#masks): prototypes are combined,
// upsampled to an intermediate image, cut to the content, and resized to the image, both times bilinear.
// Called by CPU and kernels alike.
#pragma once

#include <cmath>

#include "core/host_device.h"

namespace peregrine::postprocess {

/// How the prototypes of one image map to its pixels. Plain data, also read by kernels.
struct MaskPlan {
  int proto_width, proto_height;
  int middle_width, middle_height;                               ///< prototypes after upsampling
  int content_left, content_top, content_width, content_height;  ///< the image inside the middle
  int image_width, image_height;
  bool bits;  ///< validation: the middle is the input, holds bits cropped to the box in input pixels, and
              ///< those are resized
  float middle_scale_x, middle_scale_y;  ///< prototypes / middle
  float image_scale_x, image_scale_y;    ///< content / image
};

/// Consecutive positions [first, first + count) along one axis.
struct PixelRange {
  int first = 0, count = 0;
};

/// Two neighbouring positions and their weights, which sum to 1.
struct LinearTap {
  int first, second;
  float weight_first, weight_second;
};

/// Bilinear, align_corners=False: the source of position `d`; `scale` = source elements / destination
/// elements.
PEREGRINE_HD LinearTap linear_tap(int d, int source, float scale) {
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

/// Element of the middle image of bits: cropped to [low, high) along both axes.
PEREGRINE_HD bool inside(int position, float low, float high) {
  return static_cast<float>(position) >= low && static_cast<float>(position) < high;
}

/// First whole pixel not left of `edge`, within [0, limit]; NaN becomes 0.
PEREGRINE_HD int first_pixel(float edge, int limit) {
  const float pixel = ceilf(edge);
  if (!(pixel > 0.0f)) return 0;
  return pixel < static_cast<float>(limit) ? static_cast<int>(pixel) : limit;
}

/// The middle's positions behind pixel `d` of the image.
PEREGRINE_HD LinearTap image_tap_x(const MaskPlan& plan, int d) {
  const LinearTap tap = linear_tap(d, plan.content_width, plan.image_scale_x);
  return {tap.first + plan.content_left, tap.second + plan.content_left, tap.weight_first, tap.weight_second};
}

PEREGRINE_HD LinearTap image_tap_y(const MaskPlan& plan, int d) {
  const LinearTap tap = linear_tap(d, plan.content_height, plan.image_scale_y);
  return {tap.first + plan.content_top, tap.second + plan.content_top, tap.weight_first, tap.weight_second};
}

PEREGRINE_HD LinearTap middle_tap_x(const MaskPlan& plan, int d) {
  return linear_tap(d, plan.proto_width, plan.middle_scale_x);
}

PEREGRINE_HD LinearTap middle_tap_y(const MaskPlan& plan, int d) {
  return linear_tap(d, plan.proto_height, plan.middle_scale_y);
}

/// First of `count` positions for which the rising predicate holds; `count` where none does.
template <class Predicate>
PEREGRINE_HD int first_where(int count, Predicate holds) {
  int low = 0, high = count;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (holds(middle))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/// Pixels of the image that may be set, along one axis, for an object whose side is [low, high): in pixels of
/// the image, or, for masks of bits, of the input (the middle).
template <class Tap>
PEREGRINE_HD PixelRange mask_range(bool of_bits, Tap tap, int image_side, float low, float high) {
  int first, end;
  if (of_bits) {
    first = first_where(image_side, [&](int d) { return static_cast<float>(tap(d).second) >= low; });
    end = first_where(image_side, [&](int d) { return static_cast<float>(tap(d).first) >= high; });
  } else {
    first = first_pixel(low, image_side);
    end = first_pixel(high, image_side);
  }
  return {first, end > first ? end - first : 0};
}

PEREGRINE_HD PixelRange mask_columns(const MaskPlan& plan, float low, float high) {
  return mask_range(
      plan.bits, [&](int d) { return image_tap_x(plan, d); }, plan.image_width, low, high);
}

PEREGRINE_HD PixelRange mask_rows(const MaskPlan& plan, float low, float high) {
  return mask_range(
      plan.bits, [&](int d) { return image_tap_y(plan, d); }, plan.image_height, low, high);
}

}  // namespace peregrine::postprocess
