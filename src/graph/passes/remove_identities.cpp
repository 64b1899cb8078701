#include <algorithm>

#include "graph/passes/all.h"
#include "graph/rewriter.h"

namespace peregrine::graph {

namespace {

/// Whether the node hands its first input on unchanged.
bool is_identity(const Graph& graph, const Node& node) {
  const Value &in = graph.value(node.inputs.front()), &out = graph.value(node.outputs.front());
  const auto same_shape = [&] { return in.shape == out.shape; };
  return std::visit(Overloaded{[&](const Cast& op) { return op.to == in.dtype; },
                               [&](const Reshape&) { return same_shape(); },
                               [&](const Transpose& op) { return std::ranges::is_sorted(op.permutation); },
                               [&](const Concat&) { return node.inputs.size() == 1; },
                               [&](const Split&) { return node.outputs.size() == 1; },
                               [&](const Slice&) { return same_shape(); }, [](const auto&) { return false; }},
                    node.operation);
}

}  // namespace

void remove_identities(Graph& graph) {
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes()) {
    if (!is_identity(graph, node)) continue;
    // An output stays the work of a node: engines write their outputs, they don't forward inputs.
    if (rewriter.is_output(node.outputs.front()) && !graph.producer(node.inputs.front())) continue;
    rewriter.replace(node.outputs.front(), node.inputs.front());
  }
  rewriter.remove_unused();
}

void remove_unused(Graph& graph) { Rewriter(graph).remove_unused(); }

}  // namespace peregrine::graph
