// The only way to change a graph that is built; used by the passes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace peregrine::graph {

/// Works on the graph in place. Node references stay valid and value ids unchanged until
/// remove_unused(), which renumbers values.
class Rewriter {
 public:
  explicit Rewriter(Graph& graph);

  /// The one node that uses a value; null when none or several do, or when the value is an output.
  const Node* only_user(ValueId id) const;
  bool is_output(ValueId id) const;
  ValueId add_constant(std::string name, HostTensor tensor);
  /// Every use of `from`, as an output of the graph too, becomes a use of `to`. `to` must have the same
  /// type and shape and be made before the first user of `from`.
  void replace(ValueId from, ValueId to);
  /// Gives a node another operator or other inputs; its outputs keep their ids, names and shapes.
  void change(const Node& node, Operation operation, std::vector<ValueId> inputs);
  /// Takes the outputs off the graph, to mark others in their place.
  void clear_outputs();
  /// Removes nodes whose outputs nobody uses, and values that belong to nothing.
  void remove_unused();

 private:
  Value& value(ValueId id) { return graph_.values_[static_cast<std::size_t>(id)]; }
  std::vector<std::int32_t>& users(ValueId id) { return users_[static_cast<std::size_t>(id)]; }
  void count_users();
  /// Nodes that nothing uses any more no longer count as users of their inputs.
  void release_if_unused(const Node* node);

  Graph& graph_;
  std::vector<std::vector<std::int32_t>> users_;  ///< by value: indices of nodes, once for each use
};

}  // namespace peregrine::graph
