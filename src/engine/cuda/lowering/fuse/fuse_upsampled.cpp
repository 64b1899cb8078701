// Convolutions behind an upsampling: what is linear together need not wait for the large map.
#include <algorithm>
#include <array>

#include "engine/cuda/lowering/fuse/fusion.h"
#include "engine/cuda/plan/pointwise_gemm.h"

namespace peregrine::cuda::lowering {
namespace {

bool is_plain_product(const LoweredOp& op) {
  const auto* step = op.as<Conv>();
  if (!step || op.residual != ValueId::none || op.outputs.size() != 1 || !op.weights[0].rows.empty())
    return false;
  return is_pointwise(*step, op.weights[0].weight->shape());
}

/// The columns of a 1x1 convolution's weight [K,C,1,1] that meet the channels from `first` on.
Constant columns_of(const Constant& weight, std::int64_t first, std::int64_t count) {
  const HostTensor whole = weight->to_f32();
  const std::int64_t rows = whole.shape()[0], all = whole.shape()[1];
  HostTensor part(DType::f32, {rows, count, 1, 1});
  for (std::int64_t row = 0; row < rows; ++row)
    std::copy_n(whole.as<float>() + row * all + first, count, part.as<float>() + row * count);
  return std::make_shared<const HostTensor>(std::move(part));
}

/// The concat's operand that is a map doubled by repeating its pixels, and that nobody else reads.
std::optional<std::size_t> doubled_operand(const LoweredOps& ops, const LoweredOp& concat) {
  for (std::size_t i = 0; i < concat.inputs.size(); ++i) {
    const LoweredOp* op =
        ops.single_use(concat.inputs[i]) ? ops.made_by<Upsample>(concat.inputs[i]) : nullptr;
    const auto* upsample = op ? op->as<Upsample>() : nullptr;
    if (upsample && upsample->kind == graph::Upsample::Kind::nearest && upsample->factor == Pair{2, 2})
      return i;
  }
  return std::nullopt;
}

}  // namespace

// Where the transposed convolution widens so much that the merged one would be more arithmetic, they stay
// apart.
bool fuse_upsampled_convolution(LoweredOps& ops, std::size_t index) {
  const auto* step = ops.at(index).as<Conv>();
  if (!step || ops.at(index).residual != ValueId::none || ops.at(index).outputs.size() != 1) return false;
  const ValueId between = ops.at(index).inputs[0];
  const LoweredOp* transposed = ops.single_use(between) ? ops.made_by<ConvTranspose>(between) : nullptr;
  if (!transposed || transposed->weights.size() != 1 ||
      transposed->as<ConvTranspose>()->activation != Activation::none)
    return false;
  const Shape &small = transposed->weights[0].weight->shape(),
              &large = ops.at(index).weights[0].weight->shape();
  const bool doubles = small[2] == 2 && small[3] == 2;
  const bool three = large[2] == 3 && large[3] == 3 && step->pad == std::array<std::int64_t, 4>{1, 1, 1, 1} &&
                     step->groups == 1 && step->stride == Pair{1, 1} && step->dilation == Pair{1, 1};
  const bool smaller = 4 * small[0] * large[0] < small[0] * small[1] + 9 * large[1] * large[0];
  const Shape& map = ops.graph().value(transposed->inputs[0]).shape;
  if (!doubles || !three || !smaller || map[2] < 2 || map[3] < 2) return false;

  LoweredOp merged = ops.at(index);
  ConvTranspose both;
  both.activation = step->activation;
  merged.operation = both;
  merged.inputs = transposed->inputs;
  merged.weights = {transposed->weights[0], merged.weights[0]};
  merged.nodes = transposed->nodes;
  take_nodes(merged, ops.at(index));
  ops.replace(index, std::move(merged), {*ops.producer(between)});
  return true;
}

// The product of the small map takes the upsampling's place; where it is much wider than the map, it would be
// more to move.
bool fuse_upsampled_product(LoweredOps& ops, std::size_t index) {
  if (!is_plain_product(ops.at(index))) return false;
  const ValueId joined = ops.at(index).inputs[0];
  const LoweredOp* concat = ops.single_use(joined) ? ops.viewed_by<graph::Concat>(joined) : nullptr;
  if (!concat || concat->view_as<graph::Concat>()->axis != 1 || concat->inputs.size() != 2) return false;
  const auto doubled = doubled_operand(ops, *concat);
  if (!doubled) return false;
  const auto channels = [&](ValueId value) { return ops.graph().value(value).shape[1]; };
  const ValueId large = concat->inputs[*doubled], other = concat->inputs[1 - *doubled];
  const std::int64_t first = *doubled == 0 ? 0 : channels(other);
  const Weights weights = ops.at(index).weights[0];
  if (weights.weight->shape()[0] > 4 * channels(large)) return false;

  const std::size_t upsampling = *ops.producer(large);
  LoweredOp small = ops.at(upsampling), merged = ops.at(index);
  small.operation = Conv{};
  small.weights = {{columns_of(weights.weight, first, channels(large)), nullptr, {}}};
  small.outputs = {
      ops.add_value(merged.name + ":small", graph::Conv{}, small.inputs[0], small.weights[0].weight)};
  merged.weights = {
      {columns_of(weights.weight, *doubled == 0 ? channels(large) : 0, channels(other)), weights.bias, {}}};
  merged.inputs = {other};
  merged.residual = small.outputs[0];
  merged.as<Conv>()->residual_place = ResidualPlace::before_activation;
  take_nodes(merged, *concat);
  const std::size_t fused = *ops.producer(joined);
  ops.at(upsampling) = std::move(small);
  ops.replace(index, std::move(merged), {fused});
  return true;
}

}  // namespace peregrine::cuda::lowering
