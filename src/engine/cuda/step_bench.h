// Memory for one step of a plan by itself, so that its candidates can be run, compared and timed.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/cuda/memory.h"
#include "engine/cuda/kernel.h"

namespace peregrine::cuda {

/// Every buffer that the step touches exists twice more, as the input to restore and as the reference's result. What it only
/// writes starts as NaN, and guards stand before and behind each buffer: an element that a candidate forgets is found, and one
/// that it writes beside its tensors.
class StepBench {
 public:
  /// Weights, as the plan has them, and stream outlive this.
  StepBench(const ExecutionPlan& plan, const Step& step, std::byte* weights, cudaStream_t stream);

  const Memory& memory() const { return memory_; }
  cudaStream_t stream() const { return stream_; }

  void restore() const;
  void keep_as_reference() const;
  /// Whether one kernel can copy all that the step touches: restore_late() and answer_at_once() ask for it.
  bool fits_one_kernel() const;
  /// Makes all that the step touches NaN, and the workspace.
  void spoil(std::span<std::byte> workspace) const;
  /// One kernel that lets its successor in as soon as it runs itself, and restores all of it, the workspace NaN, much later.
  void restore_late(std::span<std::byte> workspace) const;
  /// One kernel that asks to be let in early, and writes the reference's result without waiting for anything.
  void answer_at_once() const;
  /// Why the result is not the reference's, which it may miss by `tolerance` of its largest value; empty when it is. Waits.
  std::string disagreement(double tolerance) const;

 private:
  struct Area {
    DType dtype;
    DeviceBuffer live, initial, reference;
  };

  void add(const ExecutionPlan& plan, const TensorRef& tensor, std::byte* weights);
  void poison(const ExecutionPlan& plan, const Accesses& touched);

  cudaStream_t stream_;
  Memory memory_;
  std::vector<Area> areas_;
  DeviceBuffer scratch_;
};

}  // namespace peregrine::cuda
