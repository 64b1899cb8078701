// Follows infinity that masks positions of a Softmax from a graph's constants to where it is read.
#pragma once

#include <map>

#include "graph/graph.h"

namespace peregrine::onnx {

/// 1 or -1 where all elements of a constant are finite and have that sign; 0 otherwise.
int sign_of(const graph::Value& value);

/// Nodes are told one after another, in the graph's order. What the image decides counts as finite.
class MaskedRows {
 public:
  explicit MaskedRows(const graph::Graph& graph);

  void follow(const graph::Node& node);
  /// The constant that masks every position of a row of this Softmax, which makes the row NaN; none: no row.
  graph::ValueId origin(const graph::Node& softmax) const;

 private:
  /// Where a value is surely infinite: elements of it, or of what is broadcast to it, as 0 or infinity.
  struct Infinities {
    HostTensor where;
    graph::ValueId origin = graph::ValueId::none;
  };

  const Infinities* find(graph::ValueId id) const;
  /// Over all elements of the value; nothing where those are too many.
  HostTensor expanded(graph::ValueId id) const;
  void add(graph::ValueId id, HostTensor where, graph::ValueId origin);
  void follow(const graph::Node& node, const graph::Binary& op, graph::ValueId origin);
  void follow_moved(const graph::Node& node, graph::ValueId origin);

  const graph::Graph& graph_;
  std::map<graph::ValueId, Infinities> infinities_;
};

}  // namespace peregrine::onnx
