// Runs a graph on the CPU, one plain loop for each operator: the reference that engines are validated
// against. The loops are clear rather than fast, except for convolutions, which decide how long a first
// validation takes.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace peregrine::graph {

/// Values of `wanted` for inputs in the order of graph.inputs() (dense host tensors of any dtype, with the
/// graph's shapes). Every value is FP32 inside, whatever its dtype, and so are the results; sums run in
/// double precision. A Cast rounds to what its type can hold. Throws Error "model.input" when the inputs do
/// not fit.
std::vector<HostTensor> run_reference(const Graph& graph, std::span<const TensorView> inputs,
                                      std::span<const ValueId> wanted);

/// The same for all of graph.outputs().
std::vector<HostTensor> run_reference(const Graph& graph, std::span<const TensorView> inputs);

}  // namespace peregrine::graph
