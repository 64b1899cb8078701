// LaunchContext says where a kernel is enqueued, and how it overlaps with its neighbours on the stream.
#pragma once

#include <driver_types.h>

namespace peregrine::cuda {

/// A stream, and the programmatic dependent launch (PDL) of a kernel on it. It converts to the stream.
struct LaunchContext {
  cudaStream_t stream = nullptr;
  /// The kernel is a PDL secondary: it may start while its predecessor still runs, and executes
  /// griddepcontrol.wait before it touches memory that others write.
  bool pdl_secondary = false;
  /// The kernel triggers its dependents (griddepcontrol.launch_dependents). This is set only where the
  /// successor is a PDL secondary of ours: kernels of cuDNN and cuBLASLt use PDL as well, and some read what
  /// their predecessor writes before they execute the wait.
  bool pdl_trigger = false;

  LaunchContext(cudaStream_t stream, bool pdl_secondary = false, bool pdl_trigger = false)
      : stream(stream), pdl_secondary(pdl_secondary), pdl_trigger(pdl_trigger) {}
  operator cudaStream_t() const { return stream; }
  /// Returns the context of a kernel that another kernel of the same step follows.
  LaunchContext for_inner_kernel() const { return {stream, pdl_secondary, pdl_secondary}; }
};

}  // namespace peregrine::cuda
