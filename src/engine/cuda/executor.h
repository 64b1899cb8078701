// Runs a plan: owns its memory and the kernels made ready, enqueues the steps on lanes.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/cuda/memory.h"
#include "base/cuda/stream.h"
#include "engine/cuda/kernel.h"
#include "engine/cuda/plan.h"
#include "engine/cuda/schedule.h"

namespace peregrine::cuda {

/// Whether steps start before the one before them on their lane is done, where nothing else is asked for: at batch 1, where it
/// pays (docs/performance.md), and where the GPU can.
bool starts_early(const ExecutionPlan& plan, const DeviceFacts& device);

struct ExecutorOptions {
  /// A step without waits may start before the one before it on its lane is done, where the GPU can (compute capability 9.0)
  /// and its kernel waits itself.
  /// Unset: starts_early().
  std::optional<bool> dependent_launch = {};
  /// Where its memory comes from: as in Builder::load().
  const MemoryPool* pool = nullptr;
};

/// Not for several threads at once; several executors of one process do not disturb each other.
class Executor {
 public:
  /// Uploads the weights and makes every step ready; empty choices are replaced by defaults. The device of
  /// `target` must be current. Waits for the upload.
  Executor(ExecutionPlan plan, const Target& target, const ExecutorOptions& options = {});

  /// Enqueues one run; `pointers` in the order of plan().bindings. Allocates nothing, never synchronises, can be
  /// captured.
  void enqueue(std::span<void* const> pointers, cudaStream_t stream);
  /// One step alone, for measuring; the bindings are those of the last enqueue.
  void enqueue_step(std::size_t step, cudaStream_t stream);

  /// With choices filled in; its weights are released after the upload.
  const ExecutionPlan& plan() const noexcept { return plan_; }
  /// How many steps may start early.
  std::size_t early_steps() const noexcept;
  /// Arena, weights and workspaces.
  std::size_t device_bytes() const noexcept;

 private:
  cudaStream_t stream_of(std::int32_t lane, cudaStream_t main) const;

  ExecutionPlan plan_;
  DeviceBuffer arena_, weights_;
  Memory memory_;
  std::vector<Launch> launches_;
  std::vector<DeviceBuffer> workspaces_;  ///< by lane
  std::vector<Stream> streams_;           ///< of lanes 1, 2, ...; lane 0 is the caller's stream
  std::vector<Event> step_done_;          ///< only of steps that others wait for
  std::vector<bool> has_waiters_;
  EarlyStarts early_;
  std::vector<Event> lane_done_;
  Event started_;
};

}  // namespace peregrine::cuda
