// A pair of convolutions (conv_pairs.h) one after the other, with the map between them in the step's
// workspace: the reference of the kernels that run both at once.
#include <optional>
#include <variant>

#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/plan/tensor_views.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

/// Two convolutions; the map that the first writes and the second reads has no buffer yet.
struct ConvPair {
  std::variant<Conv, Depthwise> first;
  Conv second;
};

TensorRef between(const TensorRef& x, std::int64_t channels) {
  TensorRef map{.buffer = BufferId::none, .dtype = x.dtype, .offset = 0, .shape = x.shape, .strides = {}};
  map.shape[1] = channels;
  map.strides = channels_last_strides(map.shape);
  return map;
}

ConvPair conv_pair_of(const Bottleneck& s) {
  Conv first, second;
  first.x = s.x, first.weight = s.weight1, first.bias = s.bias1, first.activation = s.activation,
  first.pad = {1, 1, 1, 1};
  first.y = between(s.x, s.weight1.shape[0]);
  second = first;
  second.x = first.y, second.weight = s.weight2, second.bias = s.bias2, second.y = s.y, second.residual = s.x;
  return {first, second};
}

ConvPair conv_pair_of(const DepthwisePointwise& s) {
  Depthwise first;
  first.x = s.x, first.weight = s.weight1, first.bias = s.bias1, first.activation = s.activation1,
  first.pad = {1, 1, 1, 1};
  first.y = between(s.x, s.x.shape[1]);
  Conv second;
  second.x = first.y, second.weight = s.weight2, second.bias = s.bias2, second.activation = s.activation2,
  second.y = s.y;
  return {first, second};
}

std::optional<ConvPair> conv_pair_of(const Operation& operation) {
  if (const auto* pair = std::get_if<Bottleneck>(&operation)) return conv_pair_of(*pair);
  if (const auto* pair = std::get_if<DepthwisePointwise>(&operation)) return conv_pair_of(*pair);
  return std::nullopt;
}

/// Instantiates the tactic that supports every shape.
Launch launch_of(Operation operation, const KernelProvider& provider, const Target& target) {
  const Step step{.name = "half",
                  .nodes = {},
                  .operation = std::move(operation),
                  .stream_index = 0,
                  .dependencies = {},
                  .tactic = {}};
  Tactic tactic = provider.enumerate_tactics(step, target).back();
  return provider.instantiate(step, tactic, target);
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target&) {
  return conv_pair_of(step.operation) ? std::vector<Tactic>{Tactic{}} : std::vector<Tactic>{};
}

Launch instantiate(const Step& step, Tactic& tactic, const Target& target) {
  const std::optional<ConvPair> pair = conv_pair_of(step.operation);
  if (!pair) throw Error("engine.kernel", "Only a pair of convolutions can run as two.");
  const ConvPair convs = *pair;
  const TensorRef& hidden = convs.second.x;
  tactic.workspace_bytes = hidden.shape.elements() * static_cast<std::int64_t>(size_of(hidden.dtype));
  // The memory of the workspace comes behind all buffers of the plan, whose number is known at the launch
  // alone.
  return [convs, target](const Memory& memory, std::byte* workspace, const LaunchContext& context) {
    Memory extended = memory;
    const auto buffer = static_cast<BufferId>(extended.buffers.size());
    extended.buffers.push_back(workspace);
    ConvPair placed = convs;
    std::visit([&](auto& first) { first.y.buffer = buffer; }, placed.first);
    placed.second.x.buffer = buffer;
    const KernelProvider& first =
        std::holds_alternative<Conv>(placed.first) ? direct_conv_provider : depthwise_provider;
    const Operation operation = std::visit([](const auto& half) { return Operation(half); }, placed.first);
    launch_of(operation, first, target)(extended, nullptr, context.stream);
    launch_of(placed.second, direct_conv_provider, target)(extended, nullptr, context.stream);
  };
}

}  // namespace

const KernelProvider unfused_pair_provider{"unfused_pair", enumerate_tactics, instantiate};

}  // namespace peregrine::cuda
