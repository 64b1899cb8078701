// Plans on the device against the plan's CPU executor.
#pragma once

#include "engine/cuda/kernel.h"

namespace peregrine::cuda {

/// The first device, with cuDNN and cuBLASLt where they are there. For tests that saw a device.
Target first_device();

/// Runs a plan on random data, with the candidates of its steps in turn until each step has had all of its own (of cuDNN the
/// first few), and expects the CPU executor's outputs within `tolerance` of their largest value, and nothing written beside them.
void expect_every_candidate_right(const ExecutionPlan& plan, const Target& target, double tolerance);

}  // namespace peregrine::cuda
