// Launches with programmatic dependent launch (PDL), and the device side of it.
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "cuda/runtime.h"
#include "engine/cuda/runtime/launch_context.h"

namespace peregrine::cuda::device {

/// The last parameter of a kernel that launch_pdl_kernel() launches: whether the next kernel of the stream
/// calls grid_dependency_wait() as well (LaunchContext::pdl_trigger).
struct PdlTrigger {
  bool enabled;
};

/// Every thread calls it before it reads what other kernels write, and before it writes anything: the memory
/// of its results may still be read by the predecessor. It waits until the predecessor is done, and with it
/// all that the predecessor waited for in the same way; then it triggers the successor, which executes the
/// same wait.
__device__ __forceinline__ void grid_dependency_wait(PdlTrigger trigger) {
#if __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
  if (trigger.enabled) cudaTriggerProgrammaticLaunchCompletion();
#endif
}

/// The launch attribute of a PDL secondary.
inline cudaLaunchAttribute pdl_attribute() {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  return attribute;
}

/// For kernels that wait for their predecessor, or need not (probe.cu).
template <class... Parameters, class... Arguments>
void launch_with_pdl(const LaunchContext& context, const char* name, void (*kernel)(Parameters...), dim3 grid,
                     int threads, std::size_t shared_bytes, Arguments&&... arguments) {
  cudaLaunchAttribute pdl = pdl_attribute();
  cudaLaunchConfig_t config{};
  config.gridDim = grid, config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = context.stream;
  config.attrs = &pdl, config.numAttrs = context.pdl_secondary ? 1 : 0;
  (void)cudaLaunchKernelEx(&config, kernel,
                           std::forward<Arguments>(arguments)...);  // what it answers is the last error too
  check_launch(name);
}

/// For kernels that call grid_dependency_wait() in every thread.
template <class... Parameters, class... Arguments>
void launch_pdl_kernel(const LaunchContext& context, const char* name, void (*kernel)(Parameters...),
                       dim3 grid, int threads, std::size_t shared_bytes, Arguments&&... arguments) {
  launch_with_pdl(context, name, kernel, grid, threads, shared_bytes, std::forward<Arguments>(arguments)...,
                  PdlTrigger{context.pdl_trigger});
}

}  // namespace peregrine::cuda::device
