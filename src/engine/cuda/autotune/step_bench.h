// A StepBench holds the memory of one step of a plan, so that its tactics can be run, compared and timed
// alone.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cuda/array.h"
#include "cuda/memory.h"
#include "engine/cuda/kernels/probe.h"
#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda {

/// Every buffer that the step touches exists twice more, as the input to restore and as the reference's
/// result. What it only writes starts as NaN, and guards stand before and behind each buffer: an element that
/// a tactic forgets is found, and one that it writes beside its tensors.
class StepBench {
 public:
  /// Weights, as the plan has them, and stream outlive this.
  StepBench(const ExecutionPlan& plan, const Step& step, std::byte* weights, cudaStream_t stream);

  const Memory& memory() const { return memory_; }
  cudaStream_t stream() const { return stream_; }

  void restore() const;
  void keep_as_reference() const;
  /// Whether one kernel can copy all that the step touches: restore_after_trigger() and
  /// write_without_waiting() ask for it.
  bool fits_one_kernel() const;
  /// Fills all that the step touches, and the workspace, with NaN.
  void fill_with_nan(std::span<std::byte> workspace) const;
  /// Enqueues one kernel that triggers its dependents at once and restores all that the step touches, the
  /// workspace as NaN, much later.
  void restore_after_trigger(std::span<std::byte> workspace) const;
  /// Enqueues one kernel that is a PDL secondary and writes the reference's result without the
  /// grid-dependency wait.
  void write_without_waiting() const;
  /// Returns how the result deviates from the reference's by more than `tolerance` of its largest value;
  /// empty when it does not. Synchronises the stream.
  std::string mismatch(double tolerance) const;

 private:
  struct Area {
    DType dtype;
    DeviceBuffer live, initial, reference;
  };

  void add(const ExecutionPlan& plan, const TensorRef& tensor, std::byte* weights);
  void fill_outputs_with_nan(const ExecutionPlan& plan, const Accesses& touched);

  cudaStream_t stream_;
  Memory memory_;
  std::vector<Area> areas_;
  DeviceArray<Difference> difference_;  ///< one
};

}  // namespace peregrine::cuda
