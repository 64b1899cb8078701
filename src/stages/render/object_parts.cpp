#include "stages/render/object_parts.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "stages/render/mask.h"
#include "stages/render/palette.h"
#include "stages/render/skeleton.h"

namespace peregrine::render {

namespace {

constexpr float mask_alpha = 0.36f;

void mask(Canvas& canvas, const Object& object, const Style& style) {
  if (object.mask) draw_mask(canvas, *object.mask, class_colour(object.class_id), mask_alpha, style.line);
}

void skeleton(Canvas& canvas, const Object& object, const Style& style) {
  const float height = object.box[3] - object.box[1];  // people far away get thinner limbs
  draw_skeleton(canvas, object.keypoints, std::min(style.limb, std::max(1.f, height / 60)));
}

std::vector<DrawnPart>& table() {
  static std::vector<DrawnPart> rows{{.below_boxes = mask}, {.above_boxes = skeleton}};
  return rows;
}

}  // namespace

Style::Style(const Canvas& canvas) {
  const float side = std::sqrt(static_cast<float>(canvas.width()) * static_cast<float>(canvas.height()));
  line = std::max(1.5f, std::round(side / 320 * 2) / 2);
  capital_height = std::max(7.5f, side / 85);
  limb = std::max(2.f, side / 260);
}

std::span<const DrawnPart> drawn_parts() { return table(); }
void register_drawn_part(const DrawnPart& part) { table().push_back(part); }

}  // namespace peregrine::render
