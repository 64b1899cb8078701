// A plan on its way: steps over values of the graph, before anything has a place in memory. The table makes one draft a
// node, fusions merge drafts, storage and emission turn them into steps.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cuda/plan.h"
#include "graph/graph.h"

namespace peregrine::cuda::lowering {

using graph::ValueId;
using Constant = std::shared_ptr<const HostTensor>;

/// What a convolution, linear layer or norm carries: weight and bias, or scale and shift. In the graph's layout.
struct Weights {
  Constant weight, bias;           ///< bias may be null
  std::vector<std::int64_t> rows;  ///< output channels to take, in this order; empty: all
};

/// One future step, or a view, which costs nothing if it can be had as strides.
struct Draft {
  std::string name;
  std::vector<std::string> nodes;      ///< graph nodes that it computes
  std::optional<Operation> operation;  ///< attributes set, tensors still absent; nothing: a view
  graph::Operation view;               ///< Concat, Split, Slice, Reshape, Transpose or Cast, if it is one
  std::vector<ValueId> inputs;
  ValueId residual = ValueId::none;
  /// Convolutions: one an output, stacked in this order. A transposed one with a second: that of the 3x3 convolution behind
  /// it, whose activation it has (upsampled.h).
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

/// All drafts in topological order, with the questions that fusions ask.
class DraftList {
 public:
  DraftList(graph::Graph graph, std::vector<Draft> drafts);

  /// The list's own copy: the model's values keep their ids, those that fusions add come behind.
  const graph::Graph& graph() const noexcept { return graph_; }
  const std::vector<Draft>& drafts() const noexcept { return drafts_; }
  Draft& at(std::size_t index) { return drafts_[index]; }
  std::size_t size() const noexcept { return drafts_.size(); }

  /// Index of the draft that makes a value; nothing for inputs and constants.
  std::optional<std::size_t> producer(ValueId value) const;
  /// Its draft, if it is a step of kind T.
  template <class T>
  const Draft* made_by(ValueId value) const {
    const auto index = producer(value);
    return index && drafts_[*index].as<T>() ? &drafts_[*index] : nullptr;
  }
  /// The same for views.
  template <class T>
  const Draft* viewed_by(ValueId value) const {
    const auto index = producer(value);
    return index && drafts_[*index].view_as<T>() ? &drafts_[*index] : nullptr;
  }
  /// Drafts that read a value (a draft that reads it twice is there twice), rising.
  const std::vector<std::size_t>& readers(ValueId value) const { return readers_[static_cast<std::size_t>(value)]; }
  /// Whether the value is the model's, not one that a fusion added.
  bool in_model(ValueId value) const { return static_cast<std::size_t>(value) < model_values_; }
  bool is_output(ValueId value) const { return is_output_[static_cast<std::size_t>(value)]; }
  /// Nobody but one reader sees the value: a fusion may swallow it.
  bool private_to_one(ValueId value) const { return readers(value).size() == 1 && !is_output(value); }

  /// Puts `merged` in the place of draft `at` and removes it and the drafts `swallowed`. Indices change.
  void replace(std::size_t at, Draft merged, std::vector<std::size_t> swallowed);
  /// A value that the model does not have, to be handed from one draft to another: a node of the list's own graph makes it.
  ValueId add_value(const std::string& name, graph::Operation operation, ValueId x, const Constant& weight);

 private:
  void index();

  graph::Graph graph_;
  std::size_t model_values_;
  std::vector<Draft> drafts_;
  std::vector<std::int32_t> producers_;
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<bool> is_output_;
};

}  // namespace peregrine::cuda::lowering
