// 8-bit pixels in host memory -> image file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "peregrine/image.h"

namespace peregrine::decode {

/// A JPEG file: quality 92, full chroma resolution. Throws Error "output.write" where JPEG cannot hold the
/// image.
std::vector<std::byte> encode_jpeg(const HostImage& image);

/// Encodes by the extension of `path` (.jpg .jpeg: encode_jpeg(); .png) and writes the file whole or not at
/// all. Throws Error "output.write".
void save_image(const HostImage& image, const std::filesystem::path& path);

}  // namespace peregrine::decode
