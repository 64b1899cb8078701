// Plans on the device against the plan's CPU executor.
#pragma once

#include <cstddef>
#include <vector>

#include "cuda/memory.h"
#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda {

/// The first device, with cuDNN and cuBLASLt where they are there. For tests that saw a device.
Target first_device();

/// Runs a plan on random data, with the candidates of its steps in turn until each step has had all of its
/// own (of cuDNN the first few; PEREGRINE_TEST_FAMILY=halo: those of one family alone), and expects the CPU
/// executor's outputs within `tolerance` of their largest value, and nothing written beside them.
void expect_every_candidate_right(const ExecutionPlan& plan, const Target& target, double tolerance);

/// The bytes of each output of a plan, in the order of its bindings.
using Outputs = std::vector<std::vector<std::byte>>;

/// Memory for the bindings of a plan in FP16, filled with random numbers: those of seed 0.
class BoundMemory {
 public:
  /// Plan and stream outlive this.
  BoundMemory(const ExecutionPlan& plan, cudaStream_t stream);

  /// Fills it with other numbers, the same each time for a seed: seed 0 has numbers of [0, 1), others have
  /// them moved by up to 1.
  void give(unsigned seed);

  /// What is there once the stream is done; afterwards it is NaN.
  Outputs take();

  std::vector<void*> pointers;  ///< as Executor::enqueue() takes them

 private:
  const ExecutionPlan& plan_;
  cudaStream_t stream_;
  std::vector<DeviceBuffer> device_;
};

}  // namespace peregrine::cuda
