// Shape inference, the one place that knows how each operator changes shapes.
#pragma once

#include <span>
#include <vector>

#include "graph/operation.h"

namespace peregrine::graph {

/// Shapes of the outputs of `operation` for inputs of these shapes. Throws Error "model.shape" with
/// the reason (the caller adds the node's name).
std::vector<Shape> infer_shapes(const Operation& operation, std::span<const Shape> inputs);

}  // namespace peregrine::graph
