#include "engine/cuda/plan/schedule.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/cuda/plan/statistics.h"
#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::cuda {
namespace {

using Clock = std::vector<std::int32_t>;  ///< by stream: how many of its steps are done

void merge(Clock& into, const Clock& other) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] = std::max(into[i], other[i]);
}

bool any_overlap(const std::vector<const TensorRef*>& a, const std::vector<const TensorRef*>& b) {
  return std::ranges::any_of(a, [&](const TensorRef* x) {
    return std::ranges::any_of(b, [&](const TensorRef* y) { return overlap(*x, *y); });
  });
}

bool conflict(const Accesses& earlier, const Accesses& later) {
  return any_overlap(earlier.writes, later.reads) || any_overlap(earlier.reads, later.writes) ||
         any_overlap(earlier.writes, later.writes);
}

// A guess is enough: it only decides which of several independent steps share a stream.
constexpr double launch_seconds = 2e-6;
constexpr double change_of_stream_seconds = 1e-6;
constexpr double share_of_roofline = 0.5;

double guess_seconds(const Step& step) {
  return launch_seconds + least_seconds(cost(step.operation), Roofline{}) / share_of_roofline;
}

/// The stream on which a step can start first; a new one costs nothing but the change.
std::int32_t best_stream(const std::vector<double>& free_at, const std::vector<double>& ready_from,
                         int max_streams) {
  const auto start = [&](std::size_t stream_index) {
    return std::max(free_at[stream_index], ready_from[stream_index]);
  };
  std::size_t best = 0;
  for (std::size_t stream_index = 1; stream_index < free_at.size(); ++stream_index)
    if (start(stream_index) < start(best)) best = stream_index;
  const double fresh =
      ready_from.back();  // what it would be on a stream that holds none of the step's inputs
  const bool open = free_at.size() < static_cast<std::size_t>(max_streams) && fresh < start(best);
  return static_cast<std::int32_t>(open ? free_at.size() : best);
}

}  // namespace

std::vector<std::int32_t> data_dependencies(const ExecutionPlan& plan, std::int32_t index) {
  std::vector<std::int32_t> result;
  const Accesses own = accesses(plan.steps[static_cast<std::size_t>(index)].operation);
  for (std::int32_t i = 0; i < index; ++i)
    if (conflict(accesses(plan.steps[static_cast<std::size_t>(i)].operation), own)) result.push_back(i);
  return result;
}

void assign_streams(ExecutionPlan& plan, int max_streams) {
  const std::size_t count = plan.steps.size();
  std::vector<double> finished(count), free_at{0};
  std::vector<std::int32_t> position(count), steps_on_stream{0};
  std::vector<Clock> done(count);  // by step: what is done once it is
  std::vector<std::int32_t> last_on_stream{-1};
  for (std::size_t i = 0; i < count; ++i) {
    Step& step = plan.steps[i];
    std::vector<std::int32_t> before = data_dependencies(plan, static_cast<std::int32_t>(i));
    std::vector<double> ready_from(free_at.size() + 1, 0);  // by stream, the last: a new one
    for (std::size_t stream_index = 0; stream_index < ready_from.size(); ++stream_index)
      for (std::int32_t dependency : before) {
        const auto d = static_cast<std::size_t>(dependency);
        const bool here = plan.steps[d].stream_index == static_cast<std::int32_t>(stream_index);
        ready_from[stream_index] =
            std::max(ready_from[stream_index], finished[d] + (here ? 0 : change_of_stream_seconds));
      }
    step.stream_index = best_stream(free_at, ready_from, max_streams);
    const auto stream_index = static_cast<std::size_t>(step.stream_index);
    if (stream_index == free_at.size()) {
      free_at.push_back(0), steps_on_stream.push_back(0), last_on_stream.push_back(-1);
    }
    finished[i] = std::max(free_at[stream_index], ready_from[stream_index]) + guess_seconds(step);
    free_at[stream_index] = finished[i];

    Clock clock(static_cast<std::size_t>(max_streams), 0);
    if (last_on_stream[stream_index] >= 0)
      merge(clock, done[static_cast<std::size_t>(last_on_stream[stream_index])]);
    step.dependencies.clear();
    std::ranges::sort(before, std::greater());  // the latest first: it may cover the others
    for (std::int32_t dependency : before) {
      const auto d = static_cast<std::size_t>(dependency);
      if (position[d] < clock[static_cast<std::size_t>(plan.steps[d].stream_index)]) continue;
      step.dependencies.push_back(dependency);
      merge(clock, done[d]);
    }
    std::ranges::sort(step.dependencies);
    position[i] = steps_on_stream[stream_index]++;
    last_on_stream[stream_index] = static_cast<std::int32_t>(i);
    clock[stream_index] = steps_on_stream[stream_index];
    done[i] = std::move(clock);
  }
  plan.streams = static_cast<std::int32_t>(free_at.size());
}

PdlSchedule pdl_schedule(const ExecutionPlan& plan, std::span<const PdlMode> kinds) {
  const std::size_t count = plan.steps.size();
  std::vector<std::optional<std::size_t>> before(count), last(static_cast<std::size_t>(plan.streams));
  for (std::size_t i = 0; i < count; ++i)
    before[i] = std::exchange(last[static_cast<std::size_t>(plan.steps[i].stream_index)], i);

  PdlSchedule pdl{std::vector<bool>(count), std::vector<bool>(count)};
  for (std::size_t i = 0; i < count; ++i)
    pdl.secondary[i] = before[i] && plan.steps[i].dependencies.empty() &&
                       (kinds[i] == PdlMode::secondary || kinds[i] == PdlMode::implicit_waiting);
  const auto start_in_order_if_implicit = [&](std::size_t i) {
    if (kinds[i] == PdlMode::implicit_waiting) pdl.secondary[i] = false;
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (kinds[i] != PdlMode::implicit) continue;
    if (before[i]) start_in_order_if_implicit(*before[i]);
    for (const std::int32_t earlier : plan.steps[i].dependencies)
      start_in_order_if_implicit(static_cast<std::size_t>(earlier));
  }

  for (std::size_t i = 0; i < count; ++i)
    if (pdl.secondary[i]) pdl.trigger[*before[i]] = true;
  for (std::size_t i = 0; i < count; ++i)
    if (kinds[i] == PdlMode::implicit || kinds[i] == PdlMode::implicit_waiting)
      for (const std::int32_t earlier : plan.steps[i].dependencies)
        pdl.trigger[static_cast<std::size_t>(earlier)] = false;
  return pdl;
}

HappensBefore::HappensBefore(const ExecutionPlan& plan) {
  std::vector<Clock> done_on_stream(static_cast<std::size_t>(plan.streams),
                                    Clock(static_cast<std::size_t>(plan.streams), 0));
  for (const Step& step : plan.steps) {
    const auto stream_index = static_cast<std::size_t>(step.stream_index);
    Clock clock = done_on_stream[stream_index];
    for (std::int32_t wait : step.dependencies) {
      const auto w = static_cast<std::size_t>(wait);
      merge(clock, clock_[w]);
      const auto other = static_cast<std::size_t>(stream_index_[w]);
      clock[other] = std::max(clock[other], position_[w] + 1);
    }
    stream_index_.push_back(step.stream_index);
    position_.push_back(done_on_stream[stream_index][stream_index]);
    clock_.push_back(clock);
    done_on_stream[stream_index] = clock;
    done_on_stream[stream_index][stream_index] = position_.back() + 1;
  }
}

bool HappensBefore::operator()(std::int32_t earlier, std::int32_t later) const {
  const auto e = static_cast<std::size_t>(earlier), l = static_cast<std::size_t>(later);
  return position_[e] < clock_[l][static_cast<std::size_t>(stream_index_[e])];
}

}  // namespace peregrine::cuda
