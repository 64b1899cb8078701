// LoweredOp is a step over values of the graph, before any value has a place in memory. The table makes one
// op for each node, fusions merge ops, storage and emission turn them into steps.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cuda/plan/plan.h"
#include "graph/graph.h"

namespace peregrine::cuda::lowering {

using graph::ValueId;
using Constant = std::shared_ptr<const HostTensor>;

/// What a convolution, linear layer or norm carries: weight and bias, or scale and shift. In the graph's
/// layout.
struct Weights {
  Constant weight, bias;           ///< bias may be null
  std::vector<std::int64_t> rows;  ///< output channels to take, in this order; empty: all
};

/// A future step, or a view, which costs nothing where strides can express it.
struct LoweredOp {
  std::string name;
  std::vector<std::string> nodes;      ///< graph nodes that it computes
  std::optional<Operation> operation;  ///< attributes set, tensors still absent; nothing: a view
  graph::Operation view;               ///< Concat, Split, Slice, Reshape, Transpose or Cast, if it is one
  std::vector<ValueId> inputs;
  ValueId residual = ValueId::none;
  /// Convolutions: one an output, stacked in this order. A transposed one with a second: that of the 3x3
  /// convolution behind it, whose activation it has (upsampled.h).
  std::vector<Weights> weights;
  std::vector<ValueId> outputs;

  template <class T>
  T* as() {
    return operation ? std::get_if<T>(&*operation) : nullptr;
  }
  template <class T>
  const T* as() const {
    return operation ? std::get_if<T>(&*operation) : nullptr;
  }
  template <class T>
  const T* view_as() const {
    return operation ? nullptr : std::get_if<T>(&view);
  }
};

/// All ops in topological order, with the queries that fusions need.
class LoweredOps {
 public:
  LoweredOps(graph::Graph graph, std::vector<LoweredOp> ops);

  /// The list's own copy: the model's values keep their ids, those that fusions add come behind.
  const graph::Graph& graph() const noexcept { return graph_; }
  const std::vector<LoweredOp>& ops() const noexcept { return ops_; }
  LoweredOp& at(std::size_t index) { return ops_[index]; }
  std::size_t size() const noexcept { return ops_.size(); }

  /// Index of the op that makes a value; nothing for inputs and constants.
  std::optional<std::size_t> producer(ValueId value) const;
  /// Its op, if it is a step of kind T.
  template <class T>
  const LoweredOp* made_by(ValueId value) const {
    const auto index = producer(value);
    return index && ops_[*index].as<T>() ? &ops_[*index] : nullptr;
  }
  /// The same for views.
  template <class T>
  const LoweredOp* viewed_by(ValueId value) const {
    const auto index = producer(value);
    return index && ops_[*index].view_as<T>() ? &ops_[*index] : nullptr;
  }
  /// Ops that read a value (a op that reads it twice is there twice), rising.
  const std::vector<std::size_t>& readers(ValueId value) const {
    return readers_[static_cast<std::size_t>(value)];
  }
  /// Whether the value is the model's, not one that a fusion added.
  bool in_model(ValueId value) const { return static_cast<std::size_t>(value) < model_values_; }
  bool is_output(ValueId value) const { return is_output_[static_cast<std::size_t>(value)]; }
  /// Whether the value has a single use: a fusion may remove it.
  bool single_use(ValueId value) const { return readers(value).size() == 1 && !is_output(value); }

  /// Replaces op `at` by `merged` and removes the ops `fused`. Indices change.
  void replace(std::size_t at, LoweredOp merged, std::vector<std::size_t> fused);
  /// A value that the model does not have, to be handed from one op to another: a node of the list's own
  /// graph makes it.
  ValueId add_value(const std::string& name, graph::Operation operation, ValueId x, const Constant& weight);

 private:
  void index();

  graph::Graph graph_;
  std::size_t model_values_;
  std::vector<LoweredOp> ops_;
  std::vector<std::int32_t> producers_;
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<bool> is_output_;
};

}  // namespace peregrine::cuda::lowering
