#include "stages/render/skeleton.h"

#include <array>
#include <vector>

#include "stages/render/palette.h"

namespace peregrine::render {
namespace {

constexpr float visible = 0.5f;

struct Limb {
  int from, to;
  BodySide side;
};

// COCO: 0 nose, 1/2 eyes, 3/4 ears, 5/6 shoulders, 7/8 elbows, 9/10 wrists, 11/12 hips, 13/14 knees,
// 15/16 ankles; odd numbers are left.
constexpr std::array<Limb, 18> limbs = {{{15, 13, BodySide::left},
                                         {13, 11, BodySide::left},
                                         {16, 14, BodySide::right},
                                         {14, 12, BodySide::right},
                                         {11, 12, BodySide::middle},
                                         {5, 11, BodySide::left},
                                         {6, 12, BodySide::right},
                                         {5, 6, BodySide::middle},
                                         {5, 7, BodySide::left},
                                         {7, 9, BodySide::left},
                                         {6, 8, BodySide::right},
                                         {8, 10, BodySide::right},
                                         {0, 1, BodySide::face},
                                         {0, 2, BodySide::face},
                                         {1, 3, BodySide::face},
                                         {2, 4, BodySide::face},
                                         {3, 5, BodySide::face},
                                         {4, 6, BodySide::face}}};
constexpr std::size_t coco_keypoints = 17;

BodySide side_of(std::size_t keypoint) {
  if (keypoint < 5) return BodySide::face;
  return keypoint % 2 == 1 ? BodySide::left : BodySide::right;
}

}  // namespace

void draw_skeleton(Canvas& canvas, std::span<const Keypoint> keypoints, float thickness) {
  const auto shown = [&](std::size_t i) { return keypoints[i].confidence >= visible; };
  const auto at = [&](std::size_t i) { return Point{keypoints[i].x, keypoints[i].y}; };
  const bool body = keypoints.size() == coco_keypoints;
  constexpr Colour shadow{16, 16, 20};

  std::vector<Segment> outline;
  for (const Limb& limb : limbs)
    if (body && shown(limb.from) && shown(limb.to)) outline.push_back({at(limb.from), at(limb.to)});
  canvas.strokes(outline, thickness * 1.6f, shadow, 0.55f);
  for (const Limb& limb : limbs)
    if (body && shown(limb.from) && shown(limb.to))
      canvas.line(at(limb.from), at(limb.to), thickness, limb_colour(limb.side));
  for (std::size_t i = 0; i < keypoints.size(); ++i) {
    if (!shown(i)) continue;
    const float radius =
        body && i < 5 ? thickness * 0.8f : thickness;  // a face has five points in little room
    canvas.disc(at(i), radius * 1.25f, shadow, 0.85f);
    canvas.disc(at(i), radius, body ? limb_colour(side_of(i)) : class_colour(static_cast<int>(i)));
    canvas.disc(at(i), radius * 0.45f, {255, 255, 255});
  }
}

}  // namespace peregrine::render
