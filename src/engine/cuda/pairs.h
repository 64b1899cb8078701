// Two steps as one: bottlenecks, and depthwise convolutions with the 1x1 convolution behind them. Whether that is faster depends
// on the map and the GPU, so that lowering makes the convolutions and the tuner decides afterwards, with this rewrite of the
// plan.
#pragma once

#include <functional>

#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// Which pairs to take; told the steps of the two convolutions.
using TakePair = std::function<bool(const Step& first, const Step& second)>;

/// The plan with every pair of convolutions that forms a Bottleneck or a Separable, and that `take` wants, as one such step,
/// called like the second one. Its order, lanes and memory are made anew. Choices stay those of the steps that they were made
/// for, but a step whose tensors had to move loses its own: y may not touch x, so a sum in place gets memory of its own where its
/// readers can follow; elsewhere the pair stays.
ExecutionPlan with_pairs(ExecutionPlan plan, const TakePair& take);

/// Whether a step is a pair.
bool is_pair(const Step& step);

/// The pairs that another plan of the graph has as one step.
TakePair pairs_of(const ExecutionPlan& other);

}  // namespace peregrine::cuda
