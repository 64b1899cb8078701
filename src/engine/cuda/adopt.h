// Choices for a shape that was never tuned (predict --rect): those of a tuned plan of the same model for another shape.
#pragma once

#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// Gives every step of `plan` the choice of the step of `tuned` that has its name and kind, without what holds for one
/// shape only (payload, workspace, time, whether it waits). Steps that `tuned` lacks keep an empty choice. Returns how many were
/// adopted. A kernel may still refuse the other shape when it is made ready: the caller then falls back to an empty choice.
int adopt_choices(ExecutionPlan& plan, const ExecutionPlan& tuned);

}  // namespace peregrine::cuda
