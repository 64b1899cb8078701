// The Executor runs a plan: it owns the plan's memory and instantiated kernels, and enqueues the steps on
// streams.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cuda/memory.h"
#include "cuda/stream.h"
#include "engine/cuda/plan/plan.h"
#include "engine/cuda/plan/schedule.h"
#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda {

/// Whether steps use programmatic dependent launch where the options leave it open: at batch 1, where it pays
/// (docs/benchmarks/performance.md), and where the GPU can.
bool uses_pdl(const ExecutionPlan& plan, const DeviceFacts& device);

struct ExecutorOptions {
  /// A step without dependencies becomes a PDL secondary where the GPU supports it (compute capability 9.0)
  /// and its kernel executes the grid-dependency wait. Unset: uses_pdl().
  std::optional<bool> dependent_launch = {};
  /// Where its memory comes from: as in Builder::load().
  const MemoryPool* pool = nullptr;
};

/// One thread uses an Executor at a time; several executors of one process do not disturb each other.
class Executor {
 public:
  /// Uploads the weights and instantiates every step's tactic; empty tactics are replaced by defaults. The
  /// device of `target` must be current. The constructor waits for the upload.
  Executor(ExecutionPlan plan, const Target& target, const ExecutorOptions& options = {});

  /// Enqueues one run; `pointers` in the order of plan().bindings. Allocates nothing, never synchronises, can
  /// be captured.
  void enqueue(std::span<void* const> pointers, cudaStream_t stream);
  /// Enqueues one step alone, for measuring, with the bindings of the last enqueue().
  void enqueue_step(std::size_t step, cudaStream_t stream);

  /// With tactics filled in; its weights are released after the upload.
  const ExecutionPlan& plan() const noexcept { return plan_; }
  /// The number of steps that are PDL secondaries.
  std::size_t pdl_steps() const noexcept;
  /// The device memory of arena, weights and workspaces.
  std::size_t device_bytes() const noexcept;

 private:
  cudaStream_t stream_of(std::int32_t stream_index, cudaStream_t main) const;

  ExecutionPlan plan_;
  DeviceBuffer arena_, weights_;
  Memory memory_;
  std::vector<Launch> launches_;
  std::vector<DeviceBuffer> workspaces_;  ///< by stream
  std::vector<Stream> streams_;           ///< of streams 1, 2, ...; stream 0 is the caller's stream
  std::vector<Event> step_done_;          ///< only of steps that others wait for
  std::vector<bool> has_dependents_;
  PdlSchedule pdl_;
  std::vector<Event> stream_done_;
  Event started_;
};

}  // namespace peregrine::cuda
