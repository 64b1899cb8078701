// Two steps as one: bottlenecks, and depthwise convolutions with the 1x1 convolution behind them. Whether that is faster depends
// on the map and the GPU, so that lowering makes the convolutions and the tuner decides afterwards, with this rewrite of the
// plan.
#pragma once

#include <functional>

#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// Which pairs to take; told the steps of the two convolutions, whose choices may be gone already: the pair before may have moved
/// what they read.
using TakePair = std::function<bool(const Step& first, const Step& second)>;

/// The plan with every pair of convolutions that forms a Bottleneck or a Separable, and that `take` wants, as one such step,
/// called like the second one. Its order, lanes and memory are made anew. Choices stay those of the steps that they were made
/// for, but a step whose tensors had to move loses its own: y may not touch x, so a sum in place gets memory of its own where its
/// readers can follow; elsewhere the pair stays.
ExecutionPlan with_pairs(ExecutionPlan plan, const TakePair& take);

/// The pairs that took less time as one step than as two: of a plan without any, and of the same plan with all of them, both
/// measured. What has no time was not in the race.
TakePair faster_pairs(const ExecutionPlan& apart, const ExecutionPlan& merged);

/// The pairs that another plan of the graph has as one step.
TakePair pairs_of(const ExecutionPlan& other);

}  // namespace peregrine::cuda
