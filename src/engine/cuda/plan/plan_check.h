// Checks that a plan can run at all; tests check lowered plans, and the reader checks a plan file before it
// computes any address.
#pragma once

#include <string>
#include <vector>

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

/// One sentence a defect; empty for a sound plan. Checked are
/// - indices, and that every tensor lies within its buffer and every buffer within its place;
/// - that steps write scratch and outputs only, and no step writes what it reads (but for a residual in the
/// very same place);
/// - that streams and waits put any two steps in order of which one writes memory that the other uses, where
/// buffers share
///   memory too;
/// - that a step has written something of what another reads from the arena;
/// - that a convolution's residual has its result's shape, or half the height and width.
std::vector<std::string> defects(const ExecutionPlan& plan);

}  // namespace peregrine::cuda
