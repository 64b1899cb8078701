// Converts input pixels to pixels of the image (docs/reference/algorithms.md#scale-back).
#pragma once

#include "core/host_device.h"
#include "image/geometry.h"
#include "stages/postprocess/head/decode_math.h"

namespace peregrine::postprocess {

PEREGRINE_HD float clamped(float value, float limit) {
  return value < 0.0f ? 0.0f : (value > limit ? limit : value);
}

PEREGRINE_HD float image_x(float x, const Geometry& g) {
  const float gain = static_cast<float>(static_cast<double>(g.resized_width) / g.image_width);
  return clamped((x - static_cast<float>(g.pad_left)) / gain, static_cast<float>(g.image_width));
}

PEREGRINE_HD float image_y(float y, const Geometry& g) {
  const float gain = static_cast<float>(static_cast<double>(g.resized_height) / g.image_height);
  return clamped((y - static_cast<float>(g.pad_top)) / gain, static_cast<float>(g.image_height));
}

PEREGRINE_HD Corners image_box(const Corners& box, const Geometry& g) {
  return {image_x(box.x1, g), image_y(box.y1, g), image_x(box.x2, g), image_y(box.y2, g)};
}

}  // namespace peregrine::postprocess
