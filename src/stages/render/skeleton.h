// COCO's 17 keypoints joined to a body. Other sets of keypoints are drawn as points.
#pragma once

#include <span>

#include "peregrine/results.h"
#include "stages/render/canvas.h"

namespace peregrine::render {

/// Points that are likely hidden (confidence below 0.5) are left out, with their limbs.
void draw_skeleton(Canvas& canvas, std::span<const Keypoint> keypoints, float thickness);

}  // namespace peregrine::render
