// Offsets of the arena's buffers: two share memory when the plan's streams order every use of one before
// every use of the other.
#pragma once

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

inline constexpr std::int64_t arena_alignment = 256;

/// Sets the offsets of all arena buffers and the arena's size; buffers that no step uses get none. Needs the
/// plan's streams.
void plan_memory(ExecutionPlan& plan);

}  // namespace peregrine::cuda
