// The layers that OSNet is made of, written into one graph.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "formats/osnet/state_dict.h"
#include "formats/weights.h"
#include "graph/graph.h"

namespace peregrine::osnet {

using graph::ValueId;

/// What a convolution looks at: its weight must be of this size.
struct ConvWindow {
  std::int64_t size = 1, stride = 1, pad = 0;
};

/// Names are prefixes of the state dict's ("conv2.0.conv1") and become those of the nodes.
class Layers {
 public:
  Layers(graph::Graph& graph, Weights& weights, const StateDict& state)
      : graph_(graph), weights_(weights), state_(state) {}

  graph::Graph& graph() noexcept { return graph_; }
  const StateDict& state() const noexcept { return state_; }

  /// Names of all tensors of the state that were asked for.
  const std::set<std::string>& used() const noexcept { return used_; }

  /// Convolution, with the normalisation `norm` after it: by batch (folded in), by instance, or none where
  /// the name is empty. Depthwise where the weight has one input channel and x several.
  ValueId convolution(const std::string& name, const std::string& norm, ValueId x, ConvWindow window = {});
  /// NAME.conv, NAME.bn.
  ValueId conv_norm(const std::string& name, ValueId x, ConvWindow window = {});
  ValueId conv_norm_relu(const std::string& name, ValueId x, ConvWindow window = {});
  ValueId instance_norm(const std::string& name, ValueId x);
  /// NAME.0 (linear), NAME.1 (batch normalisation), ReLU: [N,C] to [N,embedding].
  ValueId embedding(const std::string& name, ValueId x);
  ValueId relu(const std::string& name, ValueId x);
  ValueId add(const std::string& name, ValueId a, ValueId b);
  /// x times a factor a channel, computed from its means by NAME.fc1 and NAME.fc2. One gate serves several
  /// streams; `stream` tells its nodes apart.
  ValueId gate(const std::string& name, const std::string& stream, ValueId x);

 private:
  bool has_batch_norm(const std::string& name) const { return state_.contains(name + ".running_mean"); }
  const pickle::Value& tensor(const std::string& name);
  const pickle::Value* find_tensor(const std::string& name);
  /// Weight and bias as inputs of a node, the batch normalisation folded in.
  std::vector<ValueId> affine(const std::string& name, const std::string& norm);
  ValueId constant(const std::string& name, const Constant& tensor);

  graph::Graph& graph_;
  Weights& weights_;
  const StateDict& state_;
  std::map<std::string, ValueId> constants_;
  std::set<std::string> used_;
};

}  // namespace peregrine::osnet
