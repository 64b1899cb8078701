// Follows infinity and NaN from a graph's constants to its outputs.
#pragma once

#include "graph/graph.h"

namespace peregrine::onnx {

/// Throws Error "model.weights" naming a constant whose infinity or NaN makes an output so. Where the graph
/// takes it away nothing is said: -inf masks positions of a Softmax or a Sigmoid, a division by inf gives 0.
/// -inf in all positions of a row of a Softmax makes NaN.
void require_finite_outputs(const graph::Graph& graph);

}  // namespace peregrine::onnx
