// Conv-pair fusion merges two steps into one: bottlenecks, and depthwise convolutions with the 1x1
// convolution behind them. Whether the fused step is faster depends on the map and the GPU: lowering emits
// the two convolutions, and the tuner decides afterwards, with this rewrite of the plan.
#pragma once

#include <functional>

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

/// Selects the pairs to fuse. It gets the steps of the two convolutions, whose tactics may be empty already:
/// the fusion of an earlier pair may have moved what they read.
using SelectPair = std::function<bool(const Step& first, const Step& second)>;

/// The plan with every pair of convolutions that forms a Bottleneck or a DepthwisePointwise, and that `take`
/// wants, as one such step, called like the second one. Its order, streams and memory are made anew. Tactics
/// stay those of the steps that they were made for, but a step whose tensors had to move loses its own: y may
/// not touch x, so a sum in place gets memory of its own where its readers can follow; elsewhere the pair
/// stays.
ExecutionPlan fuse_conv_pairs(ExecutionPlan plan, const SelectPair& take);

/// The pairs that took less time as one step than as two, of a plan without fused pairs and of the same plan
/// with all of them, both measured. A step without a time was not measured.
SelectPair faster_fused_pairs(const ExecutionPlan& apart, const ExecutionPlan& merged);

/// The pairs that another plan of the graph has fused.
SelectPair fused_pairs_of(const ExecutionPlan& other);

}  // namespace peregrine::cuda
