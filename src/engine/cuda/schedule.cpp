#include "engine/cuda/schedule.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/cuda/statistics.h"
#include "engine/cuda/strided.h"

namespace peregrine::cuda {
namespace {

using Clock = std::vector<std::int32_t>;  ///< by lane: how many of its steps are done

void merge(Clock& into, const Clock& other) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] = std::max(into[i], other[i]);
}

bool any_overlap(const std::vector<const TensorRef*>& a, const std::vector<const TensorRef*>& b) {
  return std::ranges::any_of(
      a, [&](const TensorRef* x) { return std::ranges::any_of(b, [&](const TensorRef* y) { return overlap(*x, *y); }); });
}

bool conflict(const Accesses& earlier, const Accesses& later) {
  return any_overlap(earlier.writes, later.reads) || any_overlap(earlier.reads, later.writes) ||
         any_overlap(earlier.writes, later.writes);
}

// A guess is enough: it only decides which of several independent steps share a lane.
constexpr double launch_seconds = 2e-6;
constexpr double change_of_lane_seconds = 1e-6;
constexpr double share_of_roofline = 0.5;

double guess_seconds(const Step& step) {
  return launch_seconds + least_seconds(cost(step.operation), Roofline{}) / share_of_roofline;
}

/// The lane on which a step can start first; a new one costs nothing but the change.
std::int32_t best_lane(const std::vector<double>& free_at, const std::vector<double>& ready_from, int max_lanes) {
  const auto start = [&](std::size_t lane) { return std::max(free_at[lane], ready_from[lane]); };
  std::size_t best = 0;
  for (std::size_t lane = 1; lane < free_at.size(); ++lane)
    if (start(lane) < start(best)) best = lane;
  const double fresh = ready_from.back();  // what it would be on a lane that holds none of the step's inputs
  const bool open = free_at.size() < static_cast<std::size_t>(max_lanes) && fresh < start(best);
  return static_cast<std::int32_t>(open ? free_at.size() : best);
}

}  // namespace

std::vector<std::int32_t> dependencies(const ExecutionPlan& plan, std::int32_t index) {
  std::vector<std::int32_t> result;
  const Accesses own = accesses(plan.steps[static_cast<std::size_t>(index)].operation);
  for (std::int32_t i = 0; i < index; ++i)
    if (conflict(accesses(plan.steps[static_cast<std::size_t>(i)].operation), own)) result.push_back(i);
  return result;
}

void assign_lanes(ExecutionPlan& plan, int max_lanes) {
  const std::size_t count = plan.steps.size();
  std::vector<double> finished(count), free_at{0};
  std::vector<std::int32_t> position(count), steps_on_lane{0};
  std::vector<Clock> done(count);  // by step: what is done once it is
  std::vector<std::int32_t> last_on_lane{-1};
  for (std::size_t i = 0; i < count; ++i) {
    Step& step = plan.steps[i];
    std::vector<std::int32_t> before = dependencies(plan, static_cast<std::int32_t>(i));
    std::vector<double> ready_from(free_at.size() + 1, 0);  // by lane, the last: a new one
    for (std::size_t lane = 0; lane < ready_from.size(); ++lane)
      for (std::int32_t dependency : before) {
        const auto d = static_cast<std::size_t>(dependency);
        const bool here = plan.steps[d].lane == static_cast<std::int32_t>(lane);
        ready_from[lane] = std::max(ready_from[lane], finished[d] + (here ? 0 : change_of_lane_seconds));
      }
    step.lane = best_lane(free_at, ready_from, max_lanes);
    const auto lane = static_cast<std::size_t>(step.lane);
    if (lane == free_at.size()) {
      free_at.push_back(0), steps_on_lane.push_back(0), last_on_lane.push_back(-1);
    }
    finished[i] = std::max(free_at[lane], ready_from[lane]) + guess_seconds(step);
    free_at[lane] = finished[i];

    Clock clock(static_cast<std::size_t>(max_lanes), 0);
    if (last_on_lane[lane] >= 0) merge(clock, done[static_cast<std::size_t>(last_on_lane[lane])]);
    step.waits.clear();
    std::ranges::sort(before, std::greater());  // the latest first: it may cover the others
    for (std::int32_t dependency : before) {
      const auto d = static_cast<std::size_t>(dependency);
      if (position[d] < clock[static_cast<std::size_t>(plan.steps[d].lane)]) continue;
      step.waits.push_back(dependency);
      merge(clock, done[d]);
    }
    std::ranges::sort(step.waits);
    position[i] = steps_on_lane[lane]++;
    last_on_lane[lane] = static_cast<std::int32_t>(i);
    clock[lane] = steps_on_lane[lane];
    done[i] = std::move(clock);
  }
  plan.lanes = static_cast<std::int32_t>(free_at.size());
}

EarlyStarts early_starts(const ExecutionPlan& plan, std::span<const Start> kinds) {
  const std::size_t count = plan.steps.size();
  std::vector<std::optional<std::size_t>> before(count), last(static_cast<std::size_t>(plan.lanes));
  for (std::size_t i = 0; i < count; ++i) before[i] = std::exchange(last[static_cast<std::size_t>(plan.steps[i].lane)], i);

  EarlyStarts early{std::vector<bool>(count), std::vector<bool>(count)};
  for (std::size_t i = 0; i < count; ++i)
    early.starts[i] =
        before[i] && plan.steps[i].waits.empty() && (kinds[i] == Start::early || kinds[i] == Start::unasked_waiting);
  const auto start_in_order_if_unasked = [&](std::size_t i) {
    if (kinds[i] == Start::unasked_waiting) early.starts[i] = false;
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (kinds[i] != Start::unasked) continue;
    if (before[i]) start_in_order_if_unasked(*before[i]);
    for (const std::int32_t earlier : plan.steps[i].waits) start_in_order_if_unasked(static_cast<std::size_t>(earlier));
  }

  for (std::size_t i = 0; i < count; ++i)
    if (early.starts[i]) early.is_followed[*before[i]] = true;
  for (std::size_t i = 0; i < count; ++i)
    if (kinds[i] == Start::unasked || kinds[i] == Start::unasked_waiting)
      for (const std::int32_t earlier : plan.steps[i].waits) early.is_followed[static_cast<std::size_t>(earlier)] = false;
  return early;
}

HappensBefore::HappensBefore(const ExecutionPlan& plan) {
  std::vector<Clock> done_on_lane(static_cast<std::size_t>(plan.lanes), Clock(static_cast<std::size_t>(plan.lanes), 0));
  for (const Step& step : plan.steps) {
    const auto lane = static_cast<std::size_t>(step.lane);
    Clock clock = done_on_lane[lane];
    for (std::int32_t wait : step.waits) {
      const auto w = static_cast<std::size_t>(wait);
      merge(clock, clock_[w]);
      const auto other = static_cast<std::size_t>(lane_[w]);
      clock[other] = std::max(clock[other], position_[w] + 1);
    }
    lane_.push_back(step.lane);
    position_.push_back(done_on_lane[lane][lane]);
    clock_.push_back(clock);
    done_on_lane[lane] = clock;
    done_on_lane[lane][lane] = position_.back() + 1;
  }
}

bool HappensBefore::operator()(std::int32_t earlier, std::int32_t later) const {
  const auto e = static_cast<std::size_t>(earlier), l = static_cast<std::size_t>(later);
  return position_[e] < clock_[l][static_cast<std::size_t>(lane_[e])];
}

}  // namespace peregrine::cuda
