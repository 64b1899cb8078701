// A MaskPlan says where an image's content lies among the prototypes (docs/reference/algorithms.md#masks).
// Kernels make the plan from the geometry they find in device memory, so that images of any size pass through
// one recorded graph.
#pragma once

#include <cmath>

#include "core/host_device.h"
#include "image/geometry.h"
#include "stages/postprocess/tasks/segment/mask_math.h"

namespace peregrine::postprocess {

/// Size and leading padding of the content along one axis.
struct ContentSide {
  int offset, length;
};

/// A side of the image scaled by `gain` and centred in `side` elements; half to even, at least 1.
PEREGRINE_HD ContentSide content_side(int side, int image_side, double gain) {
  const int length = static_cast<int>(rint(image_side * gain));
  const int content = length > 1 ? length : 1;
  return {static_cast<int>(rint((side - content) / 2.0 - 0.1)), content};
}

PEREGRINE_HD double fitting_gain(int width, int height, const Geometry& g) {
  const double vertical = static_cast<double>(height) / g.image_height;
  const double horizontal = static_cast<double>(width) / g.image_width;
  return vertical < horizontal ? vertical : horizontal;
}

/// 1, 2 or 4: how far the prototypes must be upsampled for the padding to be a whole number of elements on
/// each side.
PEREGRINE_HD int prototype_upsampling(const Geometry& g, int proto_width, int proto_height) {
  constexpr int stride = 4;
  const int width = stride * proto_width, height = stride * proto_height;
  const double gain = fitting_gain(width, height, g);
  const int pad = (height - content_side(height, g.image_height, gain).length) |
                  (width - content_side(width, g.image_width, gain).length);
  const int pads = pad | (pad / 2);
  return pads % 4 == 0 ? 1 : (pads % 2 == 0 ? 2 : 4);
}

PEREGRINE_HD float mask_scale(int source, int destination) {
  return static_cast<float>(source) / static_cast<float>(destination);
}

PEREGRINE_HD MaskPlan mask_plan(const Geometry& g, int proto_width, int proto_height, int width, int height,
                                const ContentSide& x, const ContentSide& y, bool bits) {
  MaskPlan plan;
  plan.proto_width = proto_width;
  plan.proto_height = proto_height;
  plan.middle_width = width;
  plan.middle_height = height;
  plan.content_left = x.offset;
  plan.content_top = y.offset;
  plan.content_width = x.length;
  plan.content_height = y.length;
  plan.image_width = g.image_width;
  plan.image_height = g.image_height;
  plan.bits = bits;
  plan.middle_scale_x = mask_scale(proto_width, width);
  plan.middle_scale_y = mask_scale(proto_height, height);
  plan.image_scale_x = mask_scale(x.length, g.image_width);
  plan.image_scale_y = mask_scale(y.length, g.image_height);
  return plan;
}

PEREGRINE_HD MaskPlan prediction_mask_plan(const Geometry& g, int proto_width, int proto_height) {
  const int factor = prototype_upsampling(g, proto_width, proto_height);
  const int width = factor * proto_width, height = factor * proto_height;
  const double gain = fitting_gain(width, height, g);
  return mask_plan(g, proto_width, proto_height, width, height, content_side(width, g.image_width, gain),
                   content_side(height, g.image_height, gain), false);
}

PEREGRINE_HD MaskPlan validation_mask_plan(const Geometry& g, int proto_width, int proto_height) {
  return mask_plan(g, proto_width, proto_height, g.input_width, g.input_height, {g.pad_left, g.resized_width},
                   {g.pad_top, g.resized_height}, true);
}

}  // namespace peregrine::postprocess
