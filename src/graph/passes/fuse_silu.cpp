#include "graph/passes/all.h"
#include "graph/rewriter.h"

namespace peregrine::graph {

namespace {

bool is_sigmoid_of(const Graph& graph, ValueId id, ValueId x) {
  const Node* producer = graph.producer(id);
  const Unary* unary = producer ? std::get_if<Unary>(&producer->operation) : nullptr;
  return unary && unary->kind == Unary::Kind::sigmoid && producer->inputs.front() == x;
}

}  // namespace

void fuse_silu(Graph& graph) {
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes()) {
    const Binary* binary = std::get_if<Binary>(&node.operation);
    if (!binary || binary->kind != Binary::Kind::mul) continue;
    for (std::size_t i = 0; i < 2; ++i) {
      const ValueId x = node.inputs[i];
      if (!is_sigmoid_of(graph, node.inputs[1 - i], x)) continue;
      rewriter.change(node, Unary{Unary::Kind::silu}, {x});
      break;
    }
  }
  rewriter.remove_unused();
}

}  // namespace peregrine::graph
