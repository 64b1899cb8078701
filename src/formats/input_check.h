// Checks that a model takes images.
#pragma once

#include <cstdint>

#include "peregrine/error.h"

namespace peregrine {

/// Red, green and blue.
inline constexpr std::int64_t image_channels = 3;

/// Error "model.channels" of a checkpoint whose first layer takes another count of channels.
Error unsupported_channels(std::int64_t channels);

}  // namespace peregrine
