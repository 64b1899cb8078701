// Where work is enqueued.
#pragma once

#include <driver_types.h>

namespace peregrine::cuda {

/// A stream, and how a kernel meets its neighbours there (programmatic dependent launch). Stands for the stream wherever one is
/// asked for.
struct Queue {
  cudaStream_t stream = nullptr;
  /// It may start while its predecessor still runs: then it waits for it itself, before it touches memory that others write.
  bool dependent = false;
  /// Its successor does the same, and may be let in early. Nobody else may: kernels of cuDNN and cuBLASLt ask to be let in, too,
  /// and some read what their predecessor writes before they wait.
  bool followed = false;

  Queue(cudaStream_t stream, bool dependent = false, bool followed = false)
      : stream(stream), dependent(dependent), followed(followed) {}
  operator cudaStream_t() const { return stream; }
  /// For a kernel of a step that has another one of the same step behind it.
  Queue before_another() const { return {stream, dependent, dependent}; }
};

}  // namespace peregrine::cuda
