// From Ultralytics' module tree to the graph. Each class of module has one lowering function, listed in one
// table (module_table.cpp); a class that is not there is not supported.
#pragma once

#include <span>
#include <string_view>

#include "formats/torch/module.h"
#include "formats/weights.h"
#include "graph/graph.h"
#include "peregrine/error.h"

namespace peregrine::ultralytics {

using graph::ValueId;
using torch::Module;

/// One walk over a module tree, writing into one graph.
class Lowering {
 public:
  Lowering(graph::Graph& graph, Weights& weights) : graph_(graph), weights_(weights) {}

  graph::Graph& graph() noexcept { return graph_; }
  const Shape& shape(ValueId value) const { return graph_.value(value).shape; }

  /// Lowers a module by the function of its class. Throws Error "model.unsupported" naming the class if it
  /// has none.
  ValueId module(const Module& module, std::span<const ValueId> inputs);
  ValueId module(const Module& module, ValueId input) { return this->module(module, std::span(&input, 1)); }
  /// Shorthand for a child.
  ValueId child(const Module& parent, std::string_view name, ValueId input) {
    return module(parent.child(name), input);
  }

  /// A convolution (Conv2d, ConvTranspose2d), with the batch normalisation that follows it folded in where
  /// there is one.
  ValueId convolution(const Module& conv, const std::optional<Module>& norm, ValueId input);

  /// A constant with one element.
  ValueId scalar(std::string name, double value);
  /// A parameter of the module as it is.
  ValueId parameter(const Module& module, std::string_view name);
  /// value softmax(query key * scale)', over the last two dimensions: query [.., L, d], key [.., d, L], value
  /// [.., e, L] give [.., e, L].
  ValueId scaled_attention(const Module& module, ValueId query, ValueId key, ValueId value, double scale);
  /// The operator of a MaxPool2d. Throws Error "model.unsupported" where it is dilated or rounds sizes up.
  static graph::Pool max_pool(const Module& module);

  // Nodes named after the module that they belong to.
  ValueId add(const Module& module, std::string_view suffix, graph::Operation operation,
              std::vector<ValueId> inputs);
  std::vector<ValueId> split_channels(const Module& module, std::vector<std::int64_t> sizes, ValueId input);
  ValueId concat_channels(const Module& module, std::vector<ValueId> inputs);
  ValueId sum(const Module& module, std::string_view suffix, ValueId a, ValueId b);

 private:
  graph::Graph& graph_;
  Weights& weights_;
  int depth_ = 0;
};

/// Error "model.unsupported" for a class that has no lowering; what to do about it may depend on the head of
/// the network.
Error unsupported_class(const Module& module, const Module* head = nullptr);
/// Error "model.unsupported" for a module of a known class: 'model.3' (Upsample) WHAT.
Error unsupported_module(const Module& module, std::string_view what);

/// Error "model.unsupported" for a head of YOLOv10 or YOLO26.
Error end_to_end_head(const Module& head);

}  // namespace peregrine::ultralytics
