// L2 normalisation of ReID features (docs/reference/algorithms.md#reid).
#pragma once

#include <cmath>

#include "core/host_device.h"

namespace peregrine::postprocess {

/// False for NaN too.
PEREGRINE_HD float finite_or_zero(float v) { return fabsf(v) <= 3.402823466e38f ? v : 0.0f; }

PEREGRINE_HD float normalised(float v, float norm) { return norm > 1e-12f ? v / norm : v; }

}  // namespace peregrine::postprocess
