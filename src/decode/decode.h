// Compressed picture -> 8-bit BGR pixels in host memory, as OpenCV's imread gives them (EXIF orientation
// applied, greyscale and CMYK converted, alpha dropped). The GPU decoder is beside this file.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "peregrine/image.h"

namespace peregrine::decode {

inline constexpr std::int64_t default_max_pixels = std::int64_t{1} << 28;

/// JPEG, PNG, BMP, PPM/PGM, WebP, told by content. Throws Error "image.empty", "image.unknown",
/// "image.truncated", "image.corrupt" or "image.too_large"; `name` is named in the sentence.
HostImage decode_image(std::span<const std::byte> file, const std::string& name, std::int64_t max_pixels = default_max_pixels);

}  // namespace peregrine::decode
