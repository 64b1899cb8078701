#include "engine/cuda/bottlenecks.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/tensor.h"
#include "engine/cuda/memory_planner.h"
#include "engine/cuda/plan_fields.h"
#include "engine/cuda/schedule.h"
#include "engine/cuda/strided.h"

namespace peregrine::cuda {
namespace {

using Index = std::int64_t;

/// Of x and of the hidden map: the weights of more do not fit into a multiprocessor's shared memory.
constexpr Index most_channels = 64;

/// 3x3, padded to keep the size.
const Conv* window_of_three(const Step& step) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (!conv || conv->groups != 1 || conv->stride != Pair{1, 1} || conv->dilation != Pair{1, 1}) return nullptr;
  const bool fits = conv->weight.shape[2] == 3 && conv->weight.shape[3] == 3 && conv->pad == std::array<Index, 4>{1, 1, 1, 1};
  return fits && conv->x.shape[1] <= most_channels && conv->y.shape[1] <= most_channels ? conv : nullptr;
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
  Rewrite(ExecutionPlan plan, const TakeBottleneck& take) : plan_(std::move(plan)), take_(take) {}

  ExecutionPlan run() {
    gone_.assign(plan_.steps.size(), false);
    for (std::size_t second = 0; second < plan_.steps.size(); ++second)
      if (const auto first = first_of(second); first && take_(plan_.steps[*first], plan_.steps[second]) && make_room(second))
        merge(*first, second);
    if (std::ranges::find(gone_, true) == gone_.end()) return std::move(plan_);
    close_gaps();
    assign_lanes(plan_, plan_.lanes);
    plan_memory(plan_);
    return std::move(plan_);
  }

 private:
  Accesses accesses_of(std::size_t step) const { return accesses(plan_.steps[step].operation); }

  /// The convolution that makes what the one at `second` reads, if both are a bottleneck.
  std::optional<std::size_t> first_of(std::size_t second) const {
    const Conv* b = window_of_three(plan_.steps[second]);
    if (!b || !b->residual || b->residual_place != ResidualPlace::after_activation) return std::nullopt;
    if (plan_.buffer(b->x.buffer).place != Buffer::Place::arena) return std::nullopt;
    std::optional<std::size_t> first;
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      if (gone_[i] || i == second) continue;
      const Accesses others = accesses_of(i);
      if (touches(others.reads, b->x)) return std::nullopt;
      if (!touches(others.writes, b->x)) continue;
      if (first || i > second) return std::nullopt;
      first = i;
    }
    const Conv* a = first ? window_of_three(plan_.steps[*first]) : nullptr;
    if (!a || a->residual || a->activation != b->activation || !same_elements(a->y, b->x)) return std::nullopt;
    if (!same_elements(a->x, b->residual) || a->x.shape != b->y.shape) return std::nullopt;
    for (std::size_t i = *first + 1; i < second; ++i)
      if (!gone_[i] && touches(accesses_of(i).writes, a->x)) return std::nullopt;  // another value by then
    return first;
  }

  /// Sees to it that the sum is not written over what neighbouring pixels still read: false where it cannot be elsewhere, because
  /// something reads it as part of a larger tensor.
  bool make_room(std::size_t second) {
    auto& sum = std::get<Conv>(plan_.steps[second].operation);
    const TensorRef place = sum.y;
    if (!overlap(place, sum.residual)) return true;
    if (!same_elements(place, sum.residual)) return false;
    std::size_t next = second + 1;  // the step that writes there next
    for (; next < plan_.steps.size(); ++next) {
      if (gone_[next]) continue;
      const Accesses others = accesses_of(next);
      for (const TensorRef* read : others.reads)
        if (overlap(*read, place) && !same_elements(*read, place)) return false;
      if (touches(others.writes, place)) break;
    }
    const bool ends =
        next == plan_.steps.size() ? plan_.buffer(place.buffer).place == Buffer::Place::arena : rewrites(next, place);
    if (!ends || seen_otherwise(second, next, place)) return false;
    const TensorRef own = new_map(sum.y, plan_.steps[second].name);
    sum.y = own;
    for (std::size_t i = second + 1; i < std::min(next + 1, plan_.steps.size()); ++i)
      if (!gone_[i] && touches(accesses_of(i).reads, place)) {
        std::visit([&](auto& step) { visit_fields(step, Redirect{place, own}); }, plan_.steps[i].operation);
        plan_.steps[i].choice = {};
      }
    for (TracedValue& value : plan_.values)
      if (lies_there(value, second, next, place)) value.tensor = own;
    return true;
  }

  /// Whether a step writes all of `place`.
  bool rewrites(std::size_t step, const TensorRef& place) const {
    const Accesses all = accesses_of(step);
    return std::ranges::any_of(all.writes, [&](const TensorRef* write) { return same_elements(*write, place); });
  }

  /// Whether the value is complete after a step of [from, to) and lies, at least partly, at `place`.
  static bool lies_there(const TracedValue& value, std::size_t from, std::size_t to, const TensorRef& place) {
    return value.step >= static_cast<std::int32_t>(from) && value.step < static_cast<std::int32_t>(to) &&
           overlap(value.tensor, place);
  }

  /// Whether such a value sees the place as something else: as part of a concat, say, even one that no step reads.
  bool seen_otherwise(std::size_t from, std::size_t to, const TensorRef& place) const {
    return std::ranges::any_of(plan_.values, [&](const TracedValue& value) {
      return lies_there(value, from, to, place) && !same_elements(value.tensor, place);
    });
  }

  TensorRef new_map(const TensorRef& like, const std::string& name) {
    TensorRef map{static_cast<BufferId>(plan_.buffers.size()), like.dtype, 0, like.shape, channels_last_strides(like.shape)};
    const Index bytes = map.shape.elements() * static_cast<Index>(size_of(map.dtype));
    plan_.buffers.push_back({Buffer::Place::arena, bytes, 0, -1, name});
    return map;
  }

  void merge(std::size_t first, std::size_t second) {
    const Conv a = std::get<Conv>(plan_.steps[first].operation), b = std::get<Conv>(plan_.steps[second].operation);
    Step& step = plan_.steps[second];
    step.operation = Bottleneck{a.x, a.weight, a.bias, b.weight, b.bias, b.y, b.activation};
    step.nodes.insert(step.nodes.begin(), plan_.steps[first].nodes.begin(), plan_.steps[first].nodes.end());
    step.choice = {};
    Buffer& hidden = plan_.buffers[static_cast<std::size_t>(a.y.buffer)];
    hidden.bytes = hidden.offset = 0;
    std::erase_if(plan_.values, [&](const TracedValue& value) { return value.tensor.buffer == a.y.buffer; });
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
  const TakeBottleneck& take_;
  std::vector<bool> gone_;
};

}  // namespace

ExecutionPlan with_bottlenecks(ExecutionPlan plan, const TakeBottleneck& take) { return Rewrite(std::move(plan), take).run(); }

TakeBottleneck bottlenecks_of(const ExecutionPlan& other) {
  std::set<std::string> names;
  for (const Step& step : other.steps)
    if (std::holds_alternative<Bottleneck>(step.operation)) names.insert(step.name);
  return [names](const Step&, const Step& second) { return names.contains(second.name); };
}

}  // namespace peregrine::cuda
