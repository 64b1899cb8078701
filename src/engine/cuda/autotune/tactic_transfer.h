// Tactic transfer gives a shape that was never tuned (predict --rect) the tactics of a tuned plan of the same
// model for another shape.
#pragma once

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

/// Gives every step of `plan` the tactic of the step of `tuned` that has its name and kind, without what
/// holds for one shape only (payload, workspace, time, honors_pdl_wait). Steps that `tuned` lacks keep an
/// empty tactic. Returns the number of transferred tactics. A tactic may still not support the other shape
/// when it is instantiated: the caller then falls back to an empty one.
int transfer_tactics(ExecutionPlan& plan, const ExecutionPlan& tuned);

}  // namespace peregrine::cuda
