// Choices for a shape that was never tuned (predict --rect): those of a tuned plan of the same model for another shape.
#pragma once

#include <span>

#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// Index of the shape whose extents are most like `wanted` (twice as much counts like half as much). `tuned` is not empty.
std::size_t nearest(const Shape& wanted, std::span<const Shape> tuned);

/// Gives every step of `plan` the choice of the step of `tuned` that has its name and kind, without what holds for one
/// shape only (payload, workspace, time). Steps that `tuned` lacks keep an empty choice. Returns how many were adopted.
/// A kernel may still refuse the other shape when it is made ready: the caller then falls back to an empty choice.
int adopt_choices(ExecutionPlan& plan, const ExecutionPlan& tuned);

}  // namespace peregrine::cuda
