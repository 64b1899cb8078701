// Launching a kernel that may start before its predecessor is done.
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "base/cuda/runtime.h"
#include "engine/cuda/queue.h"

namespace peregrine::cuda::device {

/// The last parameter of a kernel that launch_on() launches: whether the next kernel of the stream calls
/// wait_for_predecessor() as well (Queue::followed).
struct Successor {
  bool waits;
};

/// Every thread calls it before it reads what other kernels write, and before it writes anything: the memory of its results
/// may still be read by the predecessor. Waits until the predecessor is done, and with it all before it, which it waited for
/// in the same way; then lets a successor start that waits here in its turn.
__device__ __forceinline__ void wait_for_predecessor(Successor next) {
#if __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
  if (next.waits) cudaTriggerProgrammaticLaunchCompletion();
#endif
}

/// The attribute of a launch that lets a kernel start early.
inline cudaLaunchAttribute start_early() {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  return attribute;
}

/// For kernels that wait for their predecessor, or need not (probe.cu).
template <class... Parameters, class... Arguments>
void launch_waiting(const Queue& queue, const char* name, void (*kernel)(Parameters...), dim3 grid, int threads,
                    std::size_t shared_bytes, Arguments&&... arguments) {
  cudaLaunchAttribute early = start_early();
  cudaLaunchConfig_t config{};
  config.gridDim = grid, config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = queue.stream;
  config.attrs = &early, config.numAttrs = queue.dependent ? 1 : 0;
  (void)cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);  // what it answers is the last error too
  check_launch(name);
}

/// For kernels that call wait_for_predecessor() in every thread.
template <class... Parameters, class... Arguments>
void launch_on(const Queue& queue, const char* name, void (*kernel)(Parameters...), dim3 grid, int threads,
               std::size_t shared_bytes, Arguments&&... arguments) {
  launch_waiting(queue, name, kernel, grid, threads, shared_bytes, std::forward<Arguments>(arguments)...,
                 Successor{queue.followed});
}

}  // namespace peregrine::cuda::device
