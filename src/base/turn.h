// Cameras are held in eight ways; files note which.
#pragma once

#include "peregrine/image.h"

namespace peregrine {

/// The picture as it is meant to be seen: turned and mirrored by its EXIF orientation (1 to 8; others do nothing).
HostImage turn_upright(HostImage image, int orientation);

}  // namespace peregrine
