// Draws results onto images: boxes with labels, translucent masks, coloured skeletons.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "peregrine/image.h"
#include "peregrine/results.h"

namespace peregrine::render {

/// Draws onto a copy of `image` (host memory). Lines and text grow with the image; a class has the same
/// colour everywhere; labels stay inside the image. Where several models found the same thing (one class
/// name, IoU above 0.7), it gets one box and one label, the most confident, and the masks and skeletons of
/// all. `class_names[m]` are the names of model m.
HostImage draw(const ImageView& image, const std::vector<Object>& objects,
               const std::vector<std::vector<std::string>>& class_names);

}  // namespace peregrine::render
