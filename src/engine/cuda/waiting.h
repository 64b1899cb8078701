// Whether a kernel that is let in early waits for its predecessor. Those of cuDNN and cuBLASLt ask to be let in
// (programmatic dependent launch); which of them wait before they read or write is not documented.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "engine/cuda/step_bench.h"

namespace peregrine::cuda {

/// `enqueue` puts the step's kernels on the bench's stream, with `workspace` as their scratch memory; the bench keeps what they
/// should compute. They run behind a kernel that lets them in at once and writes all that they read, what they write, and their
/// scratch memory much later; in a graph and without, as both occur in service. Only who waited for it leaves the right result,
/// within `tolerance`. False, too, where the trial shows nothing, as a kernel passed it that surely does not wait.
bool waits_for_predecessor(const StepBench& bench, const std::function<void()>& enqueue, std::span<std::byte> workspace,
                           double tolerance);

}  // namespace peregrine::cuda
