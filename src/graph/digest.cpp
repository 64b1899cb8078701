#include <fmt/format.h>

#include "core/sha256.h"
#include "graph/graph.h"

namespace peregrine::graph {

namespace {

/// Digest of a value: that of its constant, or of the node that makes it (from the digests of the node's
/// inputs) and its place among the outputs. Nodes are in topological order, so one walk finds them all.
class Digests {
 public:
  explicit Digests(const Graph& graph) : graph_(graph), by_value_(graph.value_count()) {
    for (std::size_t i = 0; i < graph.inputs().size(); ++i)
      set(graph.inputs()[i], fmt::format("input {}", i));
    for (const Node& node : graph.nodes()) add(node);
  }

  const std::string& of(ValueId id) {
    std::string& digest = by_value_[static_cast<std::size_t>(id)];
    const Value& value = graph_.value(id);
    if (digest.empty() && value.constant) {
      const auto* bytes = reinterpret_cast<const std::byte*>(value.constant->view().data);
      set(id, sha256_hex(std::span(bytes, value.constant->bytes())));
    }
    return digest;
  }

 private:
  void set(ValueId id, std::string_view origin) {
    const Value& value = graph_.value(id);
    by_value_[static_cast<std::size_t>(id)] =
        sha256_hex(fmt::format("{} {} {}", to_string(value.dtype), to_string(value.shape), origin));
  }

  void add(const Node& node) {
    Sha256 sum;
    sum.update(fmt::format("{} {}", name_of(node.operation), attributes_of(node.operation)));
    // A Reshape's second input only tells where the extents come from: nothing is computed from it.
    const bool hint = std::holds_alternative<Reshape>(node.operation);
    for (std::size_t i = 0; i < (hint ? 1 : node.inputs.size()); ++i) sum.update(" " + of(node.inputs[i]));
    const std::string operation = sum.hex();
    for (std::size_t i = 0; i < node.outputs.size(); ++i)
      set(node.outputs[i], fmt::format("{}:{}", operation, i));
  }

  const Graph& graph_;
  std::vector<std::string> by_value_;
};

}  // namespace

std::string digest(const Graph& graph) {
  Digests digests(graph);
  Sha256 sum;
  for (ValueId id : graph.inputs())
    sum.update(fmt::format("input {} {}\n", graph.value(id).name, digests.of(id)));
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    sum.update(fmt::format("output {} {}\n", graph.output_names()[i], digests.of(graph.outputs()[i])));
  return sum.hex();
}

}  // namespace peregrine::graph
