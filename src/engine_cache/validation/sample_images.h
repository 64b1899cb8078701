// Images that every installation has: four of the demo's scenes (models/demo/scenes), compiled in.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace peregrine::engine_cache {

/// Their files' bytes (JPEG, 640 x 480); a YOLO of COCO's classes finds over twenty objects on them.
std::vector<std::span<const std::byte>> sample_image_files();

/// ReID models see persons, who stand upright: a scene is cut into so many strips for them.
inline constexpr int person_strips = 5;

}  // namespace peregrine::engine_cache
