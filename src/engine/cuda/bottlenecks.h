// Two convolutions and a sum as one step. Whether that is faster depends on the map and the GPU, so that lowering makes the
// convolutions and the tuner decides afterwards, with this rewrite of the plan.
#pragma once

#include <functional>

#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// Which pairs to take; told the steps of the two convolutions.
using TakeBottleneck = std::function<bool(const Step& first, const Step& second)>;

/// The plan with every pair of 3x3 convolutions that forms a bottleneck, and that `take` wants, as one Bottleneck step, called
/// like the second one. Its order, lanes and memory are made anew. Choices stay those of the steps that they were made for, but a
/// step whose tensors had to move loses its own: y may not touch x, so a sum in place gets memory of its own where its readers
/// can follow; elsewhere the pair stays.
ExecutionPlan with_bottlenecks(ExecutionPlan plan, const TakeBottleneck& take);

/// The pairs that another plan of the graph has as one step.
TakeBottleneck bottlenecks_of(const ExecutionPlan& other);

}  // namespace peregrine::cuda
