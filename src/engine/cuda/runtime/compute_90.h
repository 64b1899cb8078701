// The condition under which the kernels of compute capability 9.0a run.
#pragma once

#include "cuda/device.h"

namespace peregrine::cuda {

/// Whether a device has the instructions of 9.0a, which no later one has either.
inline bool has_90a(const DeviceFacts& device) { return device.major == 9 && device.minor == 0; }

}  // namespace peregrine::cuda
