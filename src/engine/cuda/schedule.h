// Lanes: which steps run side by side, what each waits for, and which start before their predecessor is done.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/cuda/plan.h"

namespace peregrine::cuda {

/// Earlier steps that step `index` must not overtake: they write what it reads or writes, or read what it writes.
std::vector<std::int32_t> dependencies(const ExecutionPlan& plan, std::int32_t index);

/// Assigns every step a lane (at most `max_lanes`) and its waits, by the plan's order and estimated times. Buffers of the
/// arena need no offsets yet: they are still taken to be apart.
void assign_lanes(ExecutionPlan& plan, int max_lanes);

/// How a kernel meets its predecessor.
enum class Start : std::uint8_t {
  in_order,        ///< it starts when that one is done
  early,           ///< where told to (Queue::dependent) it asks to be let in while that one still runs, and waits for it itself
  unasked,         ///< a library's: asks whether told to or not, and may read before it waits
  unasked_waiting  ///< a library's, which asks whether told to or not, and waits itself
};

/// By step: whether it starts before its predecessor on the lane is done, and whether it lets its successor do so.
struct EarlyStarts {
  std::vector<bool> starts, is_followed;
};
/// One may start early that waits itself and has nothing else to wait for: what it must not overtake is the predecessor alone,
/// and what that one has waited for. Kernels that come unasked make two exceptions. A step lets nobody in for which one of
/// another lane waits: that would come as well. And a library's kernel with an `unasked` one behind it starts in order: whether
/// it lets that in before it has waited is not known. `kinds`: of every step.
EarlyStarts early_starts(const ExecutionPlan& plan, std::span<const Start> kinds);

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
