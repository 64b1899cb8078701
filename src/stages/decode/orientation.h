// Reads the EXIF orientation of a file.
#pragma once

#include <cstddef>
#include <span>

namespace peregrine::decode {

/// Orientation 1 to 8 that a JPEG file's first EXIF block (APP1) states; 1 where there is none.
int jpeg_orientation(std::span<const std::byte> file);

/// The same from a bare TIFF block ("II*\0..." or "MM\0*..."), as PNG's eXIf and WebP's EXIF chunk hold it.
/// Leading "Exif\0\0" is skipped. 1 where it says nothing or is damaged.
int exif_orientation(std::span<const std::byte> block);

}  // namespace peregrine::decode
