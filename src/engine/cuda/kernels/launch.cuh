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

/// What cudaLaunchKernelEx() wants: grid, block, shared memory and stream, a cluster of `cluster_z` blocks
/// along z where that is more than one, and PDL where the context asks for it. The attributes lie in the
/// object, which therefore stays where it is made.
class LaunchConfig {
 public:
  LaunchConfig(const LaunchContext& context, dim3 grid, int threads, std::size_t shared_bytes,
               unsigned cluster_z = 1) {
    config_.gridDim = grid, config_.blockDim = dim3(static_cast<unsigned>(threads));
    config_.dynamicSmemBytes = shared_bytes;
    config_.stream = context.stream;
    config_.attrs = attributes_;
    if (cluster_z > 1) {
      attributes_[config_.numAttrs].id = cudaLaunchAttributeClusterDimension;
      attributes_[config_.numAttrs++].val.clusterDim = {1, 1, cluster_z};
    }
    if (context.pdl_secondary) {
      attributes_[config_.numAttrs].id = cudaLaunchAttributeProgrammaticStreamSerialization;
      attributes_[config_.numAttrs++].val.programmaticStreamSerializationAllowed = 1;
    }
  }
  LaunchConfig(const LaunchConfig&) = delete;
  LaunchConfig& operator=(const LaunchConfig&) = delete;

  const cudaLaunchConfig_t& get() const { return config_; }
  void set_grid(dim3 grid) { config_.gridDim = grid; }

 private:
  cudaLaunchConfig_t config_{};
  cudaLaunchAttribute attributes_[2]{};
};

/// The one place that launches a kernel with attributes. Throws where the launch is refused.
template <class... Parameters, class... Arguments>
void launch_kernel(const LaunchConfig& config, const char* name, void (*kernel)(Parameters...),
                   Arguments&&... arguments) {
  (void)cudaLaunchKernelEx(&config.get(), kernel,
                           std::forward<Arguments>(arguments)...);  // what it answers is the last error too
  check_launch(name);
}

/// For kernels that wait for their predecessor, or need not (probe.cu).
template <class... Parameters, class... Arguments>
void launch_with_pdl(const LaunchContext& context, const char* name, void (*kernel)(Parameters...), dim3 grid,
                     int threads, std::size_t shared_bytes, Arguments&&... arguments) {
  launch_kernel(LaunchConfig(context, grid, threads, shared_bytes), name, kernel,
                std::forward<Arguments>(arguments)...);
}

/// For kernels that call grid_dependency_wait() in every thread.
template <class... Parameters, class... Arguments>
void launch_pdl_kernel(const LaunchContext& context, const char* name, void (*kernel)(Parameters...),
                       dim3 grid, int threads, std::size_t shared_bytes, Arguments&&... arguments) {
  launch_with_pdl(context, name, kernel, grid, threads, shared_bytes, std::forward<Arguments>(arguments)...,
                  PdlTrigger{context.pdl_trigger});
}

}  // namespace peregrine::cuda::device
