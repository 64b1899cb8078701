#include <algorithm>

#include "graph/evaluate.h"
#include "graph/passes/all.h"
#include "graph/rewriter.h"

namespace peregrine::graph {

void fold_constants(Graph& graph) {
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes()) {
    // An output stays the work of a node: engines write their outputs, they don't forward constants.
    if (!can_evaluate(node.operation, graph.value(node.inputs.front()).dtype) ||
        std::ranges::any_of(node.outputs, [&](ValueId id) { return rewriter.is_output(id); }))
      continue;
    std::vector<const HostTensor*> inputs;
    for (ValueId input : node.inputs) inputs.push_back(graph.value(input).constant.get());
    if (std::ranges::find(inputs, nullptr) != inputs.end()) continue;
    // A few operators in a hostile file must not eat all memory; their results stay the work of nodes, too.
    constexpr std::int64_t most_elements = std::int64_t{1} << 26;
    if (std::ranges::any_of(node.outputs,
                            [&](ValueId id) { return graph.value(id).shape.elements() > most_elements; }))
      continue;

    std::vector<HostTensor> results = evaluate(node.operation, inputs);
    for (std::size_t i = 0; i < results.size(); ++i)
      rewriter.replace(node.outputs[i],
                       rewriter.add_constant(graph.value(node.outputs[i]).name, std::move(results[i])));
  }
  rewriter.remove_unused();
}

}  // namespace peregrine::graph
