// The PDL probe finds out whether a PDL secondary executes the grid-dependency wait. Kernels of cuDNN and
// cuBLASLt are launched as secondaries; which of them wait before they read or write is not documented.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "engine/cuda/autotune/step_bench.h"

namespace peregrine::cuda {

/// `enqueue` enqueues the step's kernels on the bench's stream, with `workspace` as their scratch memory; the
/// bench keeps the result that they should compute. They follow a kernel that triggers them at once and
/// writes all that they read, what they write, and their scratch memory much later; the probe runs in a CUDA
/// graph and without one, as both occur in production. A kernel leaves the right result, within `tolerance`,
/// only if it executes the wait. The probe also returns false where it proves nothing, because a kernel
/// passes that certainly does not wait.
bool honors_pdl_wait(const StepBench& bench, const std::function<void()>& enqueue,
                     std::span<std::byte> workspace, double tolerance);

}  // namespace peregrine::cuda
