// Lanes: which steps run side by side, and what each waits for.
#pragma once

#include <vector>

#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// Earlier steps that step `index` must not overtake: they write what it reads or writes, or read what it writes.
std::vector<std::int32_t> dependencies(const ExecutionPlan& plan, std::int32_t index);

/// Assigns every step a lane (at most `max_lanes`) and its waits, by the plan's order and estimated times. Buffers of the
/// arena need no offsets yet: they are still taken to be apart.
void assign_lanes(ExecutionPlan& plan, int max_lanes);

/// By step: whether it starts before its predecessor on the lane is done, and whether it lets its successor do so.
struct EarlyStarts {
  std::vector<bool> starts, is_followed;
};
/// `waits_itself`: the steps whose kernels wait for their predecessor themselves. Of those, one may start early that has nothing
/// else to wait for: what it must not overtake is the predecessor alone, and what that one has waited for. A step that others
/// than those wait for lets nobody in: kernels of libraries ask to be let in, too, and read before they wait.
EarlyStarts early_starts(const ExecutionPlan& plan, const std::vector<bool>& waits_itself);

/// What is surely done when a step starts, by the plan's lanes and waits.
class HappensBefore {
 public:
  explicit HappensBefore(const ExecutionPlan& plan);
  /// Step `earlier` is done before step `later` starts.
  bool operator()(std::int32_t earlier, std::int32_t later) const;

 private:
  std::vector<std::int32_t> lane_, position_;     ///< by step
  std::vector<std::vector<std::int32_t>> clock_;  ///< by step and lane: how many of the lane's steps are done before it
};

}  // namespace peregrine::cuda
