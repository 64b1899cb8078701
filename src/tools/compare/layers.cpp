#include "tools/compare/layers.h"

#include <algorithm>
#include <vector>

namespace peregrine::compare {

namespace {

bool computes(const graph::Operation& operation) {
  return std::visit(
      graph::Overloaded{[](const graph::Split&) { return false; }, [](const graph::Slice&) { return false; },
                        [](const graph::Reshape&) { return false; },
                        [](const graph::Transpose&) { return false; },
                        [](const graph::Concat&) { return false; }, [](const auto&) { return true; }},
      operation);
}

bool floating(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

/// By value: it goes into an activation and nowhere else.
std::vector<bool> activated(const graph::Graph& graph) {
  std::vector<bool> only(graph.value_count(), true);
  for (const graph::Node& node : graph.nodes())
    for (const graph::ValueId input : node.inputs)
      if (!std::holds_alternative<graph::Unary>(node.operation))
        only[static_cast<std::size_t>(input)] = false;
  return only;
}

}  // namespace

void mark_layers(graph::Graph& graph) {
  const std::vector<bool> hidden = activated(graph);
  std::vector<graph::ValueId> wanted;
  for (const graph::Node& node : graph.nodes()) {
    const graph::ValueId value = node.outputs.front();
    const bool is_output = std::ranges::find(graph.outputs(), value) != graph.outputs().end();
    if (!is_output && computes(node.operation) && floating(graph.value(value).dtype) &&
        !hidden[static_cast<std::size_t>(value)])
      wanted.push_back(value);
  }
  for (const graph::ValueId value : wanted) graph.mark_output(value, graph.value(value).name);
}

}  // namespace peregrine::compare
