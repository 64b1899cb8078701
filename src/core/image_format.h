// Detects an image format by a file's first bytes, with one table for the formats that are read and those
// that are refused by name.
#pragma once

#include <cstddef>
#include <string_view>

namespace peregrine {

enum class ImageFormat { unknown, jpeg, png, bmp, pnm, webp, tiff, gif, avif, jpeg2000, refused };

struct FormatName {
  ImageFormat format = ImageFormat::unknown;
  std::string_view name;  ///< "TIFF", "HEIC", "Canon raw (CR2)"; empty where it is unknown
};

/// As many bytes as tell every format but SVG behind a long comment.
inline constexpr std::size_t format_head_bytes = 1024;

/// `head`: the first format_head_bytes of a file, or all of it where it is shorter.
FormatName image_format(std::string_view head);

/// Whether a file of no telling name is an image that can be read. Two letters ("BM", "P1") are not enough
/// here.
bool is_image(std::string_view head);

}  // namespace peregrine
