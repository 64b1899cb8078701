#include <fmt/format.h>

#include <iterator>

#include "graph/graph.h"

namespace peregrine::graph {

namespace {

std::string describe(const Value& value) {
  return fmt::format("{} {} {}", value.name, to_string(value.dtype), to_string(value.shape));
}

}  // namespace

std::string dump(const Graph& graph) {
  std::string text;
  const auto out = std::back_inserter(text);
  for (ValueId id : graph.inputs()) fmt::format_to(out, "input {}\n", describe(graph.value(id)));
  for (const Node& node : graph.nodes()) {
    std::vector<std::string> inputs, outputs;
    for (ValueId id : node.inputs)
      inputs.push_back(graph.value(id).constant ? describe(graph.value(id)) : graph.value(id).name);
    for (ValueId id : node.outputs) outputs.push_back(describe(graph.value(id)));
    const std::string attributes = attributes_of(node.operation);
    fmt::format_to(out, "{} ({}){}{} -> {}\n", name_of(node.operation), fmt::join(inputs, ", "),
                   attributes.empty() ? "" : " ", attributes, fmt::join(outputs, ", "));
  }
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    fmt::format_to(out, "output {} = {}\n", graph.output_names()[i], graph.value(graph.outputs()[i]).name);
  return text;
}

}  // namespace peregrine::graph
