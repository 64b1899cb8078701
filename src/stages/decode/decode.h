// Decodes a compressed image to 8-bit BGR pixels in host memory, as OpenCV's imread does (EXIF orientation
// applied, greyscale and CMYK converted, alpha dropped). The GPU decoder is beside this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "peregrine/image.h"

namespace peregrine::decode {

inline constexpr std::int64_t default_max_pixels = std::int64_t{1} << 28;

/// JPEG, PNG, BMP, PNM (P1 to P6), WebP, TIFF, GIF, AVIF or JPEG 2000, told by content; of an animation the
/// first frame, of several pages the first, which the log says.
///
/// Throws Error, with `name` in the sentence:
///   image.empty        no bytes at all
///   image.unknown      none of these formats, nor one that is known by name
///   image.too_large    more than `max_pixels`; known from the header, before anything is allocated
///   image.truncated    the file ends before its image does (a JPEG that lacks nothing but its end
///                      marker is whole and is read, as OpenCV does)
///   image.corrupt      damaged data: where OpenCV would fill in grey and go on, this is an error too
///   image.unsupported  a variant of the format that is not read (12-bit JPEG, JPEG inside BMP, 32-bit TIFF
///                      ...), or another format, which is named (HEIC, JPEG XL, raw files ...)
HostImage decode_image(std::span<const std::byte> file, const std::string& name,
                       std::int64_t max_pixels = default_max_pixels);

}  // namespace peregrine::decode
