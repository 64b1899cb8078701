// Applies the EXIF orientation of an image.
#pragma once

#include "peregrine/image.h"

namespace peregrine {

/// Returns the image rotated and mirrored by its EXIF orientation (1 to 8; other values change nothing).
HostImage apply_exif_orientation(HostImage image, int orientation);

}  // namespace peregrine
