// A pair of convolutions (pairs.h) one after the other, with the map between them in the step's workspace: the reference of the
// kernels that run both at once.
#include <optional>
#include <variant>

#include "engine/cuda/kernels/families.h"
#include "engine/cuda/strided.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

/// Two convolutions; the map that the first writes and the second reads has no buffer yet.
struct Halves {
  std::variant<Conv, Depthwise> first;
  Conv second;
};

TensorRef between(const TensorRef& x, std::int64_t channels) {
  TensorRef map{.buffer = BufferId::none, .dtype = x.dtype, .offset = 0, .shape = x.shape, .strides = {}};
  map.shape[1] = channels;
  map.strides = channels_last_strides(map.shape);
  return map;
}

Halves halves_of(const Bottleneck& s) {
  Conv first, second;
  first.x = s.x, first.weight = s.weight1, first.bias = s.bias1, first.activation = s.activation, first.pad = {1, 1, 1, 1};
  first.y = between(s.x, s.weight1.shape[0]);
  second = first;
  second.x = first.y, second.weight = s.weight2, second.bias = s.bias2, second.y = s.y, second.residual = s.x;
  return {first, second};
}

Halves halves_of(const Separable& s) {
  Depthwise first;
  first.x = s.x, first.weight = s.weight1, first.bias = s.bias1, first.activation = s.activation1, first.pad = {1, 1, 1, 1};
  first.y = between(s.x, s.x.shape[1]);
  Conv second;
  second.x = first.y, second.weight = s.weight2, second.bias = s.bias2, second.activation = s.activation2, second.y = s.y;
  return {first, second};
}

std::optional<Halves> halves_of(const Operation& operation) {
  if (const auto* pair = std::get_if<Bottleneck>(&operation)) return halves_of(*pair);
  if (const auto* pair = std::get_if<Separable>(&operation)) return halves_of(*pair);
  return std::nullopt;
}

/// With the kernel that serves every shape.
Launch launch_of(Operation operation, const KernelFamily& family, const Target& target) {
  const Step step{.name = "half", .nodes = {}, .operation = std::move(operation), .lane = 0, .waits = {}, .choice = {}};
  Choice choice = family.candidates(step, target).back();
  return family.prepare(step, choice, target);
}

std::vector<Choice> list(const Step& step, const Target&) {
  return halves_of(step.operation) ? std::vector<Choice>{Choice{}} : std::vector<Choice>{};
}

Launch make(const Step& step, Choice& choice, const Target& target) {
  const std::optional<Halves> pair = halves_of(step.operation);
  if (!pair) throw Error("engine.kernel", "Only a pair of convolutions can run as two.");
  const Halves halves = *pair;
  const TensorRef& hidden = halves.second.x;
  choice.workspace_bytes = hidden.shape.elements() * static_cast<std::int64_t>(size_of(hidden.dtype));
  // The memory of the workspace comes behind all buffers of the plan, whose number is known at the launch alone.
  return [halves, target](const Memory& memory, std::byte* workspace, const Queue& queue) {
    Memory extended = memory;
    const auto buffer = static_cast<BufferId>(extended.buffers.size());
    extended.buffers.push_back(workspace);
    Halves placed = halves;
    std::visit([&](auto& first) { first.y.buffer = buffer; }, placed.first);
    placed.second.x.buffer = buffer;
    const KernelFamily& first = std::holds_alternative<Conv>(placed.first) ? direct_conv_family : depthwise_family;
    const Operation operation = std::visit([](const auto& half) { return Operation(half); }, placed.first);
    launch_of(operation, first, target)(extended, nullptr, queue.stream);
    launch_of(placed.second, direct_conv_family, target)(extended, nullptr, queue.stream);
  };
}

}  // namespace

const KernelFamily separate_family{"separate", list, make};

}  // namespace peregrine::cuda
