// Arithmetic of class-wise non-maximum suppression (docs/reference/algorithms.md#nms), in FP32.
#pragma once

#include "core/host_device.h"
#include "stages/postprocess/head/decode_math.h"

namespace peregrine::postprocess {

/// Boxes of different classes are moved apart by this much a class before they are compared. That keeps
/// classes from suppressing each other, and its rounding is part of the reference's results.
inline constexpr float class_offset = 7680.0f;

PEREGRINE_HD Corners with_class_offset(const Corners& box, int class_id) {
  const float by = static_cast<float>(class_id) * class_offset;
  return {box.x1 + by, box.y1 + by, box.x2 + by, box.y2 + by};
}

PEREGRINE_HD float area(const Corners& b) { return (b.x2 - b.x1) * (b.y2 - b.y1); }

/// Whether the better box `a` suppresses `b`: IoU strictly greater than `limit`.
PEREGRINE_HD bool suppresses(const Corners& a, const Corners& b, float limit) {
  const float left = a.x1 > b.x1 ? a.x1 : b.x1;
  const float top = a.y1 > b.y1 ? a.y1 : b.y1;
  const float right = a.x2 < b.x2 ? a.x2 : b.x2;
  const float bottom = a.y2 < b.y2 ? a.y2 : b.y2;
  const float width = right - left, height = bottom - top;
  if (!(width > 0 && height > 0)) return false;
  const float common = width * height;
  return common / (area(a) + area(b) - common) > limit;
}

/// The order in which candidates compete, and in which results are listed: score falling, then anchor, then
/// class.
PEREGRINE_HD bool comes_before(float score_a, int anchor_a, int class_a, float score_b, int anchor_b,
                               int class_b) {
  if (score_a != score_b) return score_a > score_b;
  return anchor_a != anchor_b ? anchor_a < anchor_b : class_a < class_b;
}

}  // namespace peregrine::postprocess
