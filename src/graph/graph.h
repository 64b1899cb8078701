// A model as a directed acyclic graph: static shapes, nodes in topological order, one producer a value.
// It stays unfused; passes (passes.h) clean it, and each engine lowers it in its own way.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/tensor.h"
#include "graph/operation.h"

namespace peregrine::graph {

/// Index into Graph::values(). Stable while the graph lives; copying a graph keeps it.
enum class ValueId : std::int32_t { none = -1 };

struct Value {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::shared_ptr<const HostTensor> constant;  ///< weights and other constants; null otherwise
};

struct Node {
  std::string name;  ///< unique; "model.10.m.0.attn.qkv.conv"
  Operation operation;
  std::vector<ValueId> inputs, outputs;
};

class Graph {
 public:
  ValueId add_input(std::string name, DType dtype, const Shape& shape);
  ValueId add_constant(std::string name, HostTensor tensor);
  /// Shares the tensor: graphs of one model for several input shapes hold its weights once.
  ValueId add_constant(std::string name, std::shared_ptr<const HostTensor> tensor);
  /// Appends a node, infers the shapes and types of its outputs (shapes.h) and returns them: all inputs
  /// share one type, which is that of the outputs (but for Cast). One output is called as the node, several
  /// NAME:0, NAME:1, ... Throws Error "model.shape" naming the node when the inputs do not fit the
  /// operator or the name is taken. Axes may count from the end; in nodes() they never do.
  std::vector<ValueId> add_node(std::string name, Operation operation, std::vector<ValueId> inputs);
  /// The same for operators with one output.
  ValueId add(std::string name, Operation operation, std::vector<ValueId> inputs);
  /// Makes a value an output of the graph under a name (head.h lists the names that stages know). Throws
  /// Error "model.outputs" when an output has that name.
  void mark_output(ValueId value, std::string name);

  const std::vector<Node>& nodes() const noexcept { return nodes_; }
  const std::vector<ValueId>& inputs() const noexcept { return inputs_; }
  const std::vector<ValueId>& outputs() const noexcept { return outputs_; }
  const std::vector<std::string>& output_names() const noexcept { return output_names_; }
  const Value& value(ValueId id) const { return values_.at(static_cast<std::size_t>(id)); }
  std::size_t value_count() const noexcept { return values_.size(); }
  /// Node that produces a value; null for inputs and constants.
  const Node* producer(ValueId id) const;
  /// By value name or output name; ValueId::none where there is none.
  ValueId find(std::string_view name) const;

 private:
  friend class Rewriter;  // rewriter.h: the only way to change a graph that is built
  static constexpr std::int32_t no_producer = -1;
  ValueId add_value(Value value, std::int32_t producer);

  std::vector<Value> values_;
  std::vector<std::int32_t> producers_;  ///< by value: index into nodes_
  std::unordered_set<std::string> node_names_;
  std::vector<Node> nodes_;
  std::vector<ValueId> inputs_, outputs_;
  std::vector<std::string> output_names_;
};

/// Readable listing: inputs, one line a node, outputs; the same graph gives the same text.
std::string dump(const Graph& graph);
/// SHA-256 over operators, attributes, edges, types, shapes, constants and the names of inputs and outputs:
/// the graph's identity in the store. Names and order of nodes do not enter, nor does what no output needs.
std::string digest(const Graph& graph);

}  // namespace peregrine::graph
