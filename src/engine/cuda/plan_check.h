// Whether a plan can run at all: said of a lowering by tests, and of a file by its reader, before any address is computed.
#pragma once

#include <string>
#include <vector>

#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// One sentence a defect; empty for a sound plan. Checked are
/// - indices, and that every tensor lies within its buffer and every buffer within its place;
/// - that steps write scratch and outputs only, and no step writes what it reads (but for a residual in the very same place);
/// - that lanes and waits put any two steps in order of which one writes memory that the other uses, where buffers share
///   memory too;
/// - that a step has written something of what another reads from the arena;
/// - that a convolution's residual has its result's shape, or half the height and width.
std::vector<std::string> defects(const ExecutionPlan& plan);

}  // namespace peregrine::cuda
