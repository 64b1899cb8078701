// The cheap operators on the CPU, for values that are known before an engine runs: folded constants and
// the shape arithmetic of ONNX files. No engine: convolutions and the like stay in the graph.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"
#include "graph/operation.h"

namespace peregrine::graph {

/// Whether evaluate() serves the operator on inputs of this type: Binary, Concat, Split, Slice, Reshape and
/// Transpose of f32 and i64, Unary of f32, Cast between them and from f32 to f16.
bool can_evaluate(const Operation& operation, DType inputs);

/// Outputs of the operator for these inputs. Integer arithmetic wraps, integer division truncates. Throws
/// Error "model.shape" when the inputs do not fit the operator, "model.unsupported" where can_evaluate() is
/// false. Whoever evaluates what a file says bounds the results first.
std::vector<HostTensor> evaluate(const Operation& operation, std::span<const HostTensor* const> inputs);

/// The tensor repeated to `shape` by numpy's broadcasting; `shape` must be what the tensor broadcasts to.
HostTensor broadcast(const HostTensor& tensor, const Shape& shape);

}  // namespace peregrine::graph
