#include "engine_cache/validation/sample_images.h"

namespace peregrine::engine_cache {

namespace {

#include "provision_scenes.inc"  // written by CMake: scene_0 ... scene_3, arrays of unsigned char

}  // namespace

std::vector<std::span<const std::byte>> sample_image_files() {
  return {std::as_bytes(std::span(scene_0)), std::as_bytes(std::span(scene_1)),
          std::as_bytes(std::span(scene_2)), std::as_bytes(std::span(scene_3))};
}

}  // namespace peregrine::engine_cache
