#include "engine/cuda/lowering/fuse/conv_pairs.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/tensor.h"
#include "engine/cuda/plan/memory_planner.h"
#include "engine/cuda/plan/plan_fields.h"
#include "engine/cuda/plan/schedule.h"
#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda {
namespace {

using Index = std::int64_t;

/// Of x and of the hidden map of a bottleneck: the weights of more do not fit into a multiprocessor's shared
/// memory.
constexpr Index most_channels = 64;
/// Of x where a depthwise convolution comes first: with more, only narrow blocks have room for their weights.
constexpr Index max_depthwise_pointwise = 512;

constexpr std::array<Index, 4> no_padding{}, padding_of_one{1, 1, 1, 1};

bool has_window(const auto& conv, Index size, const std::array<Index, 4>& pad) {
  const Shape& weight = conv.weight.shape;
  return weight[2] == size && weight[3] == size && conv.pad == pad && conv.stride == Pair{1, 1} &&
         conv.dilation == Pair{1, 1};
}

/// 3x3, padded to keep the size.
bool is_half_of_bottleneck(const Conv& conv) {
  return conv.groups == 1 && has_window(conv, 3, padding_of_one) && conv.x.shape[1] <= most_channels &&
         conv.y.shape[1] <= most_channels;
}

/// What two steps are together, if the first makes what the second reads.
std::optional<Operation> bottleneck_of(const Step& first, const Step& second) {
  const auto *a = std::get_if<Conv>(&first.operation), *b = std::get_if<Conv>(&second.operation);
  if (!a || !b || !is_half_of_bottleneck(*a) || !is_half_of_bottleneck(*b)) return std::nullopt;
  if (a->residual || !b->residual || b->residual_place != ResidualPlace::after_activation)
    return std::nullopt;
  if (a->activation != b->activation || !same_elements(a->x, b->residual) || a->x.shape != b->y.shape)
    return std::nullopt;
  return Bottleneck{a->x, a->weight, a->bias, b->weight, b->bias, b->y, b->activation};
}

std::optional<Operation> depthwise_pointwise_of(const Step& first, const Step& second) {
  const auto* a = std::get_if<Depthwise>(&first.operation);
  const auto* b = std::get_if<Conv>(&second.operation);
  if (!a || !b || a->residual || b->residual || b->groups != 1 || a->x.shape[1] > max_depthwise_pointwise)
    return std::nullopt;
  if (!has_window(*a, 3, padding_of_one) || !has_window(*b, 1, no_padding)) return std::nullopt;
  return DepthwisePointwise{a->x, a->weight, a->bias, b->weight, b->bias, b->y, a->activation, b->activation};
}

std::optional<Operation> pair_of(const Step& first, const Step& second) {
  const auto bottleneck = bottleneck_of(first, second);
  return bottleneck ? bottleneck : depthwise_pointwise_of(first, second);
}

const TensorRef& input_of(const Operation& pair) {
  if (const auto* bottleneck = std::get_if<Bottleneck>(&pair)) return bottleneck->x;
  return std::get<DepthwisePointwise>(pair).x;
}

bool is_pair(const Step& step) {
  return std::holds_alternative<Bottleneck>(step.operation) ||
         std::holds_alternative<DepthwisePointwise>(step.operation);
}

bool touches(const std::vector<const TensorRef*>& list, const TensorRef& tensor) {
  return std::ranges::any_of(list, [&](const TensorRef* other) { return overlap(*other, tensor); });
}

/// Puts one tensor in the place of another wherever a step reads it.
struct Redirect {
  const TensorRef& from;
  const TensorRef& to;
  void read(const char*, TensorRef& tensor) const {
    if (tensor && same_elements(tensor, from)) tensor = to;
  }
  void read(const char*, std::vector<TensorRef>& tensors) const {
    for (TensorRef& tensor : tensors) read("", tensor);
  }
  void write(const char*, const auto&) const {}
  void attribute(const char*, const auto&) const {}
};

class Rewrite {
 public:
  Rewrite(ExecutionPlan plan, const SelectPair& take) : plan_(std::move(plan)), take_(take) {}

  ExecutionPlan run() {
    gone_.assign(plan_.steps.size(), false);
    for (std::size_t second = 0; second < plan_.steps.size(); ++second)
      if (const auto found = pair_at(second); found && take_(plan_.steps[found->first], plan_.steps[second]))
        if (make_room(second, found->x)) merge(found->first, second);
    if (std::ranges::find(gone_, true) == gone_.end()) return std::move(plan_);
    close_gaps();
    assign_streams(plan_, plan_.streams);
    plan_memory(plan_);
    return std::move(plan_);
  }

 private:
  Accesses accesses_of(std::size_t step) const { return accesses(plan_.steps[step].operation); }

  struct Found {
    std::size_t first;
    TensorRef x;  ///< of the pair
  };
  /// The step that makes what the convolution at `second` reads, if both are a pair.
  std::optional<Found> pair_at(std::size_t second) const {
    const auto* conv = std::get_if<Conv>(&plan_.steps[second].operation);
    const auto first = conv ? maker_for_one(conv->x, second) : std::nullopt;
    const auto pair = first ? pair_of(plan_.steps[*first], plan_.steps[second]) : std::nullopt;
    if (!pair) return std::nullopt;
    const TensorRef x = input_of(*pair);
    for (std::size_t i = *first + 1; i < second; ++i)
      if (!gone_[i] && touches(accesses_of(i).writes, x)) return std::nullopt;  // another value by then
    return Found{*first, x};
  }

  /// The one step that writes a hidden map, if the step at `reader` alone reads it, and nothing else is
  /// stored beside it.
  std::optional<std::size_t> maker_for_one(const TensorRef& hidden, std::size_t reader) const {
    const auto is_beside = [&](const TensorRef* tensor) { return tensor->buffer == hidden.buffer; };
    if (plan_.buffer(hidden.buffer).place != Buffer::Place::arena) return std::nullopt;
    std::optional<std::size_t> maker;
    if (std::ranges::any_of(accesses_of(reader).writes, is_beside)) return std::nullopt;
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      if (gone_[i] || i == reader) continue;
      const Accesses others = accesses_of(i);
      if (std::ranges::any_of(others.reads, is_beside)) return std::nullopt;
      if (std::ranges::none_of(others.writes, is_beside)) continue;
      const bool whole = others.writes.size() == 1 && same_elements(*others.writes[0], hidden);
      if (maker || i > reader || !whole) return std::nullopt;
      maker = i;
    }
    return maker;
  }

  /// Sees to it that the result is not written over what neighbouring pixels still read of x: false where it
  /// cannot be elsewhere, because something reads it as part of a larger tensor.
  bool make_room(std::size_t second, const TensorRef& x) {
    auto& result = std::get<Conv>(plan_.steps[second].operation);
    const TensorRef place = result.y;
    if (!overlap(place, x)) return true;
    if (!same_elements(place, x)) return false;
    std::size_t next = second + 1;  // the step that writes there next
    for (; next < plan_.steps.size(); ++next) {
      if (gone_[next]) continue;
      const Accesses others = accesses_of(next);
      for (const TensorRef* read : others.reads)
        if (overlap(*read, place) && !same_elements(*read, place)) return false;
      if (touches(others.writes, place)) break;
    }
    const bool ends = next == plan_.steps.size() ? plan_.buffer(place.buffer).place == Buffer::Place::arena
                                                 : rewrites(next, place);
    if (!ends || seen_otherwise(second, next, place)) return false;
    const TensorRef own = new_map(place, plan_.steps[second].name);
    result.y = own;
    for (std::size_t i = second + 1; i < std::min(next + 1, plan_.steps.size()); ++i)
      if (!gone_[i] && touches(accesses_of(i).reads, place)) {
        std::visit([&](auto& step) { visit_fields(step, Redirect{place, own}); }, plan_.steps[i].operation);
        plan_.steps[i].tactic = {};
      }
    for (TracedValue& value : plan_.values)
      if (lies_there(value, second, next, place)) value.tensor = own;
    return true;
  }

  /// Whether a step writes all of `place`.
  bool rewrites(std::size_t step, const TensorRef& place) const {
    const Accesses all = accesses_of(step);
    return std::ranges::any_of(all.writes,
                               [&](const TensorRef* write) { return same_elements(*write, place); });
  }

  /// Whether the value is complete after a step of [from, to) and lies, at least partly, at `place`.
  static bool lies_there(const TracedValue& value, std::size_t from, std::size_t to, const TensorRef& place) {
    return value.step >= static_cast<std::int32_t>(from) && value.step < static_cast<std::int32_t>(to) &&
           overlap(value.tensor, place);
  }

  /// Whether such a value sees the place as something else: as part of a concat, say, even one that no step
  /// reads.
  bool seen_otherwise(std::size_t from, std::size_t to, const TensorRef& place) const {
    return std::ranges::any_of(plan_.values, [&](const TracedValue& value) {
      return lies_there(value, from, to, place) && !same_elements(value.tensor, place);
    });
  }

  TensorRef new_map(const TensorRef& like, const std::string& name) {
    TensorRef map{static_cast<BufferId>(plan_.buffers.size()), like.dtype, 0, like.shape,
                  channels_last_strides(like.shape)};
    const Index bytes = map.shape.elements() * static_cast<Index>(size_of(map.dtype));
    plan_.buffers.push_back({Buffer::Place::arena, bytes, 0, -1, name});
    return map;
  }

  void merge(std::size_t first, std::size_t second) {
    Step& step = plan_.steps[second];
    const BufferId between = std::get<Conv>(step.operation).x.buffer;
    step.operation = *pair_of(plan_.steps[first], step);
    step.nodes.insert(step.nodes.begin(), plan_.steps[first].nodes.begin(), plan_.steps[first].nodes.end());
    step.tactic = {};
    Buffer& hidden = plan_.buffers[static_cast<std::size_t>(between)];
    hidden.bytes = hidden.offset = 0;
    std::erase_if(plan_.values, [&](const TracedValue& value) { return value.tensor.buffer == between; });
    gone_[first] = true;
  }

  void close_gaps() {
    std::vector<std::int32_t> before;  // by step: how many stay among those up to it
    std::int32_t kept = 0;
    for (const bool gone : gone_) before.push_back(kept += gone ? 0 : 1);
    for (TracedValue& value : plan_.values)
      if (value.step >= 0) value.step = before[static_cast<std::size_t>(value.step)] - 1;
    std::size_t index = 0;
    std::erase_if(plan_.steps, [&](const Step&) { return gone_[index++]; });
  }

  ExecutionPlan plan_;
  const SelectPair& take_;
  std::vector<bool> gone_;
};

}  // namespace

ExecutionPlan fuse_conv_pairs(ExecutionPlan plan, const SelectPair& take) {
  return Rewrite(std::move(plan), take).run();
}

SelectPair faster_fused_pairs(const ExecutionPlan& apart, const ExecutionPlan& merged) {
  std::map<std::string, float> alone, at_once;
  for (const Step& step : apart.steps) alone[step.name] = step.tactic.microseconds;
  for (const Step& step : merged.steps)
    if (is_pair(step) && step.tactic.microseconds > 0) at_once[step.name] = step.tactic.microseconds;
  return [alone, at_once](const Step& first, const Step& second) {
    const auto pair = at_once.find(second.name);
    return pair != at_once.end() && pair->second < alone.at(first.name) + alone.at(second.name);
  };
}

SelectPair fused_pairs_of(const ExecutionPlan& other) {
  std::set<std::string> names;
  for (const Step& step : other.steps)
    if (is_pair(step)) names.insert(step.name);
  return [names](const Step&, const Step& second) { return names.contains(second.name); };
}

}  // namespace peregrine::cuda
