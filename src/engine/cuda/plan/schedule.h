// The schedule of a plan: which steps run concurrently, what each depends on, and which use programmatic
// dependent launch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

/// Returns the earlier steps that step `index` depends on: they write what it reads or writes, or read what
/// it writes.
std::vector<std::int32_t> data_dependencies(const ExecutionPlan& plan, std::int32_t index);

/// Assigns every step a stream (at most `max_streams`) and its dependencies, by the plan's order and
/// estimated times. Buffers of the arena need no offsets yet: the function assumes that they do not overlap.
void assign_streams(ExecutionPlan& plan, int max_streams);

/// Whether and how a kernel uses programmatic dependent launch (PDL).
enum class PdlMode : std::uint8_t {
  none,             ///< the kernel starts when its predecessor is done
  secondary,        ///< a PDL secondary where LaunchContext::pdl_secondary says so; executes the
                    ///< grid-dependency wait
  implicit,         ///< a library's kernel, always a PDL secondary; may read before it executes the wait
  implicit_waiting  ///< a library's kernel, always a PDL secondary; executes the wait before it reads
};

/// By step: whether it is a PDL secondary, and whether it triggers its successor.
struct PdlSchedule {
  std::vector<bool> secondary, trigger;
};
/// A step is a PDL secondary when its kernel executes the grid-dependency wait and the step depends on
/// nothing but its predecessor on the stream, and on what that one waited for. Implicit PDL makes two
/// exceptions: a step triggers nothing when a step of another stream depends on it, because that one would be
/// triggered as well; and a library's kernel that an implicit one follows starts in order, because it may
/// trigger that one before it has executed its own wait. `kinds`: of every step.
PdlSchedule pdl_schedule(const ExecutionPlan& plan, std::span<const PdlMode> kinds);

/// The happens-before relation of a plan's steps, by its streams and dependencies.
class HappensBefore {
 public:
  explicit HappensBefore(const ExecutionPlan& plan);
  /// Whether step `earlier` is done before step `later` starts.
  bool operator()(std::int32_t earlier, std::int32_t later) const;

 private:
  std::vector<std::int32_t> stream_index_, position_;  ///< by step
  std::vector<std::vector<std::int32_t>>
      clock_;  ///< by step and stream: how many of the stream's steps are done before it
};

}  // namespace peregrine::cuda
