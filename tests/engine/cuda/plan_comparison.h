// An execution plan against other ways to run the same graph, tensor by tensor.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "engine/cuda/lowering/lowering.h"

namespace peregrine::test {

using NamedValues = std::map<std::string, HostTensor>;

/// All values of the graph, by name, for dense FP32 inputs in the graph's order.
NamedValues reference_values(const graph::Graph& graph, const std::vector<HostTensor>& inputs);
/// The same by OpenVINO in FP32, with every value made an output (openvino_values.cpp).
NamedValues openvino_values(const graph::Graph& graph, const std::vector<HostTensor>& inputs);

/// Values that nodes make, and tensors under their names.
std::vector<graph::ValueId> computed_values(const graph::Graph& graph);
NamedValues named(const graph::Graph& graph, const std::vector<graph::ValueId>& ids,
                  std::vector<HostTensor> tensors);
std::vector<TensorView> views(const std::vector<HostTensor>& tensors);

/// Runs the plan step by step and expects `max|a-b| <= tolerance * max|b|` for every value that it traces and
/// for all outputs; says how many it compared.
int expect_values(const cuda::ExecutionPlan& plan, const std::vector<HostTensor>& inputs,
                  const NamedValues& expected, double tolerance);

}  // namespace peregrine::test
