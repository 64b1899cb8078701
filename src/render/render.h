// Pictures a person would show someone: boxes with labels, translucent masks, coloured skeletons.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "peregrine/image.h"
#include "peregrine/results.h"

namespace peregrine::render {

/// Draws onto a copy of `image` (host memory). Line width and text grow with the picture.
/// `class_names[m]` are the names of model m.
HostImage draw(const ImageView& image, const std::vector<Object>& objects, const std::vector<std::vector<std::string>>& class_names);

/// Encodes by the extension of `path` (.jpg, .png) and writes under a temporary name, then renames.
/// Throws Error "output.write".
void save(const HostImage& image, const std::filesystem::path& path);

}  // namespace peregrine::render
