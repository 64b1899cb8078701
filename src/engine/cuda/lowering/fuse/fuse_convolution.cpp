// What the epilogue of a convolution can take in.
#include <algorithm>

#include "engine/cuda/lowering/fuse/fusion.h"

namespace peregrine::cuda::lowering {
namespace {

/// The activation of a step that has one; null otherwise.
Activation* activation_of(LoweredOp& op) {
  if (auto* step = op.as<Conv>()) return &step->activation;
  if (auto* step = op.as<Depthwise>()) return &step->activation;
  if (auto* step = op.as<ConvTranspose>()) return &step->activation;
  if (auto* step = op.as<Linear>()) return &step->activation;
  if (auto* step = op.as<InstanceNorm>()) return &step->activation;
  return nullptr;
}

Activation activation_from(graph::Unary::Kind kind) {
  switch (kind) {
    case graph::Unary::Kind::relu: return Activation::relu;
    case graph::Unary::Kind::silu: return Activation::silu;
    case graph::Unary::Kind::sigmoid: return Activation::sigmoid;
    default: return Activation::none;
  }
}

ResidualPlace* residual_place_of(LoweredOp& op) {
  if (auto* step = op.as<Conv>()) return &step->residual_place;
  if (auto* step = op.as<Depthwise>()) return &step->residual_place;
  return nullptr;
}

/// Merges the unary op at `index` into the one before it.
bool take_activation(LoweredOps& ops, std::size_t index, bool behind_residual) {
  const auto* unary = ops.at(index).as<Unary>();
  if (!unary || activation_from(unary->kind) == Activation::none) return false;
  const ValueId value = ops.at(index).inputs[0];
  const auto before = ops.producer(value);
  if (!before || !ops.single_use(value)) return false;
  LoweredOp merged = ops.at(*before);
  Activation* activation = activation_of(merged);
  if (!activation || *activation != Activation::none || merged.weights.size() != 1) return false;
  if (behind_residual != (merged.residual != ValueId::none)) return false;
  if (behind_residual) *residual_place_of(merged) = ResidualPlace::before_activation;
  *activation = activation_from(unary->kind);
  merged.outputs = ops.at(index).outputs;
  take_nodes(merged, ops.at(index));
  ops.replace(index, std::move(merged), {*before});
  return true;
}

/// A convolution whose only reader is the sum at `sum`, and may take it in.
std::optional<std::size_t> addend(LoweredOps& ops, std::size_t sum, std::size_t operand) {
  const graph::Graph& graph = ops.graph();
  const LoweredOp& op = ops.at(sum);
  const ValueId value = op.inputs[operand], other = op.inputs[1 - operand];
  const auto index = ops.producer(value);
  if (!index || value == other || !ops.single_use(value)) return std::nullopt;
  LoweredOp& convolution = ops.at(*index);
  const bool same_shape = graph.value(value).shape == graph.value(other).shape;
  const bool free = residual_place_of(convolution) && convolution.residual == ValueId::none &&
                    convolution.outputs.size() == 1;
  if (!same_shape || !free || graph.value(other).constant) return std::nullopt;
  return index;
}

}  // namespace

bool fuse_activation(LoweredOps& ops, std::size_t index) { return take_activation(ops, index, false); }

bool fuse_activation_after_residual(LoweredOps& ops, std::size_t index) {
  return take_activation(ops, index, true);
}

bool fuse_residual(LoweredOps& ops, std::size_t index) {
  const auto* binary = ops.at(index).as<Binary>();
  if (!binary || binary->kind != graph::Binary::Kind::add) return false;
  const auto first = addend(ops, index, 0), second = addend(ops, index, 1);
  if (!first && !second) return false;
  // The later one, so that nothing waits: the other sum may be a shortcut that was ready long ago.
  const std::size_t operand = !second || (first && *first > *second) ? 0 : 1;
  const std::size_t convolution = operand == 0 ? *first : *second;
  LoweredOp merged = ops.at(convolution);
  merged.residual = ops.at(index).inputs[1 - operand];
  merged.outputs = ops.at(index).outputs;
  take_nodes(merged, ops.at(index));
  ops.replace(index, std::move(merged), {convolution});
  return true;
}

// conv -> reshape [N,groups,rows a group,...] -> split of the rows: attention's q, k, v, interleaved by head.
// With the weight's rows sorted by part, each part is a slice of channels, and merging its groups again costs
// nothing.
bool fuse_split_of_groups(LoweredOps& ops, std::size_t index) {
  const graph::Graph& graph = ops.graph();
  const auto* split = ops.at(index).view_as<graph::Split>();
  if (!split) return false;
  const Shape& grouped = graph.value(ops.at(index).inputs[0]).shape;
  if (grouped.rank() < 4 ||
      (split->axis != 2 && split->axis + static_cast<std::int64_t>(grouped.rank()) != 2))
    return false;
  if (!ops.single_use(ops.at(index).inputs[0])) return false;
  const LoweredOp* reshape = ops.viewed_by<graph::Reshape>(ops.at(index).inputs[0]);
  if (!reshape || !ops.single_use(reshape->inputs[0])) return false;
  const LoweredOp* convolution = ops.made_by<Conv>(reshape->inputs[0]);
  const bool plain = convolution && convolution->outputs.size() == 1 &&
                     convolution->residual == ValueId::none && convolution->as<Conv>()->groups == 1;
  if (!plain) return false;
  const Shape& ungrouped = graph.value(convolution->outputs[0]).shape;
  if (ungrouped[0] != grouped[0] || ungrouped[1] != grouped[1] * grouped[2]) return false;

  LoweredOp merged = *convolution;
  const Weights all = merged.weights[0];
  merged.weights.clear();
  std::int64_t first = 0;
  for (std::int64_t size : split->sizes) {
    Weights part = all;
    for (std::int64_t group = 0; group < grouped[1]; ++group)
      for (std::int64_t row = 0; row < size; ++row) part.rows.push_back(group * grouped[2] + first + row);
    merged.weights.push_back(std::move(part));
    first += size;
  }
  merged.outputs = ops.at(index).outputs;
  take_nodes(merged, *reshape);
  take_nodes(merged, ops.at(index));
  const std::size_t gone[] = {*ops.producer(reshape->inputs[0]), *ops.producer(ops.at(index).inputs[0])};
  ops.replace(index, std::move(merged), {gone[0], gone[1]});
  return true;
}

}  // namespace peregrine::cuda::lowering
