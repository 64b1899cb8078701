// Pictures a person would show someone: boxes with labels, translucent masks, coloured skeletons.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "peregrine/image.h"
#include "peregrine/results.h"

namespace peregrine::render {

/// Draws onto a copy of `image` (host memory). Lines and text grow with the picture; a class has the same
/// colour everywhere; labels stay inside the picture. Where several models found the same thing (one class
/// name, IoU above 0.7), it gets one box and one label, the most confident, and the masks and skeletons of all.
/// `class_names[m]` are the names of model m.
HostImage draw(const ImageView& image, const std::vector<Object>& objects,
               const std::vector<std::vector<std::string>>& class_names);

/// As a JPEG file: quality 92, full colour resolution. Throws Error "output.write" where JPEG cannot hold the picture.
std::vector<std::byte> encode_jpeg(const HostImage& image);

/// Encodes by the extension of `path` (.jpg .jpeg: encode_jpeg(); .png) and writes it
/// whole or not at all. Throws Error "output.write".
void save(const HostImage& image, const std::filesystem::path& path);

}  // namespace peregrine::render
