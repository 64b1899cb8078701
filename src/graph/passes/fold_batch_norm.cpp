#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "graph/passes/all.h"
#include "graph/rewriter.h"

namespace peregrine::graph {

namespace {

/// y = factor * x + offset, an entry a channel.
struct ChannelAffine {
  std::vector<double> factor, offset;
};

const float* constant_f32(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  return value.constant && value.dtype == DType::f32 ? value.constant->as<float>() : nullptr;
}

/// Whether a constant of this shape has one value, or one a channel (axis 1), of a value of shape `x`.
bool is_per_channel(const Shape& constant, const Shape& x) {
  const std::int64_t channels = x[1];
  if (constant.rank() > x.rank()) return false;
  if (constant.elements() == 1) return true;
  const std::size_t before = x.rank() - constant.rank();  // dimensions that broadcasting adds
  return before <= 1 && constant.elements() == channels && constant[1 - before] == channels;
}

std::optional<ChannelAffine> affine_of(const Graph& graph, const Node& node, const BatchNorm& op) {
  const float* parameters[4];
  for (std::size_t i = 0; i < 4; ++i)
    if (!(parameters[i] = constant_f32(graph, node.inputs[i + 1]))) return std::nullopt;
  const auto& [scale, shift, mean, variance] = parameters;
  ChannelAffine affine;
  for (std::int64_t k = 0; k < graph.value(node.inputs[1]).shape[0]; ++k) {
    affine.factor.push_back(scale[k] / std::sqrt(double{variance[k]} + op.epsilon));
    affine.offset.push_back(shift[k] - mean[k] * affine.factor.back());
  }
  return affine;
}

/// For x op constant, or constant op x where op commutes; x is input `operand`.
std::optional<ChannelAffine> affine_of(const Graph& graph, const Node& node, const Binary& op,
                                       std::size_t operand) {
  const ValueId x = node.inputs[operand], c = node.inputs[1 - operand];
  const Shape &shape = graph.value(x).shape, &constant_shape = graph.value(c).shape;
  const float* constant = constant_f32(graph, c);
  const bool commutes = op.kind == Binary::Kind::add || op.kind == Binary::Kind::mul;
  if (!constant || (operand == 1 && !commutes) || shape.rank() < 2 || !is_per_channel(constant_shape, shape))
    return std::nullopt;
  ChannelAffine affine;
  for (std::int64_t k = 0; k < shape[1]; ++k) {
    const double value = constant[constant_shape.elements() == 1 ? 0 : k];
    if (op.kind == Binary::Kind::div && value == 0) return std::nullopt;
    const bool scales = op.kind == Binary::Kind::mul || op.kind == Binary::Kind::div;
    affine.factor.push_back(!scales ? 1 : op.kind == Binary::Kind::mul ? value : 1 / value);
    affine.offset.push_back(scales ? 0 : op.kind == Binary::Kind::add ? value : -value);
  }
  return affine;
}

/// Where the output channels lie in a weight: runs of `inner` elements belong to one channel each, run after
/// run, `outputs` channels a group, and so for every input channel (a Conv has one such round alone).
struct OutputChannels {
  std::int64_t inner, outputs, rounds_a_group;

  std::size_t of_run(std::int64_t run) const {
    return static_cast<std::size_t>(run % outputs + run / outputs / rounds_a_group * outputs);
  }
};

std::optional<OutputChannels> output_channels(const Graph& graph, const Node& node) {
  if (const auto* deconv = std::get_if<ConvTranspose>(&node.operation)) {
    const Shape& weight = graph.value(node.inputs[1]).shape;
    return OutputChannels{weight[2] * weight[3], weight[1], weight[0] / deconv->groups};
  }
  if (!std::holds_alternative<Conv>(node.operation) && !std::holds_alternative<Linear>(node.operation))
    return std::nullopt;
  const Shape& weight = graph.value(node.inputs[1]).shape;
  return OutputChannels{weight.elements() / weight[0], weight[0], 1};
}

HostTensor scaled(const HostTensor& weight, const OutputChannels& channels,
                  const std::vector<double>& factor) {
  HostTensor out(DType::f32, weight.shape());
  for (std::int64_t run = 0; run < weight.shape().elements() / channels.inner; ++run) {
    const float* from = weight.as<float>() + run * channels.inner;
    std::transform(from, from + channels.inner, out.as<float>() + run * channels.inner,
                   [f = factor[channels.of_run(run)]](float w) { return static_cast<float>(w * f); });
  }
  return out;
}

HostTensor moved(const float* bias, const ChannelAffine& affine) {
  HostTensor out(DType::f32, {static_cast<std::int64_t>(affine.factor.size())});
  for (std::size_t k = 0; k < affine.factor.size(); ++k)
    out.as<float>()[k] = static_cast<float>((bias ? bias[k] : 0.0) * affine.factor[k] + affine.offset[k]);
  return out;
}

/// Puts `affine` into weight and bias of `node`; false when it has none, or they are no constants.
bool absorb(Rewriter& rewriter, const Graph& graph, const Node& node, const ChannelAffine& affine) {
  const auto channels = output_channels(graph, node);
  const bool has_bias = node.inputs.size() > 2;
  if (!channels || !constant_f32(graph, node.inputs[1]) || (has_bias && !constant_f32(graph, node.inputs[2])))
    return false;
  const Value& weight = graph.value(node.inputs[1]);
  const std::string bias_name = has_bias ? graph.value(node.inputs[2]).name : node.name + ".bias";
  HostTensor new_bias = moved(has_bias ? constant_f32(graph, node.inputs[2]) : nullptr, affine);
  const ValueId weight_id =
      rewriter.add_constant(weight.name, scaled(*weight.constant, *channels, affine.factor));
  const ValueId bias_id = rewriter.add_constant(bias_name, std::move(new_bias));
  rewriter.change(node, Operation(node.operation), {node.inputs[0], weight_id, bias_id});
  return true;
}

}  // namespace

void fold_batch_norm(Graph& graph) {
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes()) {
    const auto* norm = std::get_if<BatchNorm>(&node.operation);
    const auto* binary = std::get_if<Binary>(&node.operation);
    for (std::size_t operand = 0; operand < (norm ? 1U : binary ? 2U : 0U); ++operand) {
      const ValueId x = node.inputs[operand];
      const Node* before = graph.producer(x);
      if (!before || rewriter.only_user(x) != &node) continue;
      const auto affine = norm ? affine_of(graph, node, *norm) : affine_of(graph, node, *binary, operand);
      if (!affine || !absorb(rewriter, graph, *before, *affine)) continue;
      rewriter.replace(node.outputs.front(), x);
      break;
    }
  }
  rewriter.remove_unused();
}

}  // namespace peregrine::graph
