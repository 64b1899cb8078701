#include "postprocess/mask_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace peregrine::postprocess {
namespace {

/// Half to even: relies on the default rounding mode.
int rounded(double value) { return static_cast<int>(std::nearbyint(value)); }

int content_side(int image_side, double gain) { return std::max(rounded(image_side * gain), 1); }

int leading_pad(int side, int content) { return rounded((side - content) / 2.0 - 0.1); }

MaskPlan plan_of(const Geometry& g, int proto_width, int proto_height) {
  MaskPlan plan;
  plan.proto_width = proto_width;
  plan.proto_height = proto_height;
  plan.image_width = g.image_width;
  plan.image_height = g.image_height;
  return plan;
}

double fitting_gain(double width, double height, const Geometry& g) {
  return std::min(height / g.image_height, width / g.image_width);
}

/// 1, 2 or 4: how far the prototypes must be upsampled for the padding to be a whole number of elements on each side.
int upsampling(const Geometry& g, int proto_width, int proto_height) {
  constexpr int stride = 4;
  const int width = stride * proto_width, height = stride * proto_height;
  const double gain = fitting_gain(width, height, g);
  const int pad = (height - content_side(g.image_height, gain)) | (width - content_side(g.image_width, gain));
  return stride / std::gcd(stride, pad | (pad / 2));
}

}  // namespace

MaskPlan prediction_mask_plan(const Geometry& g, int proto_width, int proto_height) {
  MaskPlan plan = plan_of(g, proto_width, proto_height);
  const int factor = upsampling(g, proto_width, proto_height);
  plan.middle_width = factor * proto_width;
  plan.middle_height = factor * proto_height;
  const double gain = fitting_gain(plan.middle_width, plan.middle_height, g);
  plan.content_width = content_side(g.image_width, gain);
  plan.content_height = content_side(g.image_height, gain);
  plan.content_left = leading_pad(plan.middle_width, plan.content_width);
  plan.content_top = leading_pad(plan.middle_height, plan.content_height);
  return plan;
}

MaskPlan validation_mask_plan(const Geometry& g, int proto_width, int proto_height) {
  MaskPlan plan = plan_of(g, proto_width, proto_height);
  plan.middle_width = g.input_width;
  plan.middle_height = g.input_height;
  plan.content_left = g.pad_left;
  plan.content_top = g.pad_top;
  plan.content_width = g.resized_width;
  plan.content_height = g.resized_height;
  plan.bits = true;
  return plan;
}

}  // namespace peregrine::postprocess
