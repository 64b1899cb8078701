// Where work is enqueued.
#pragma once

#include <driver_types.h>

namespace peregrine::cuda {

/// A stream, and whether the kernel may start while its predecessor there still runs (programmatic dependent launch): then it
/// waits for it itself, before it touches memory that others write. Stands for the stream wherever one is asked for.
struct Queue {
  cudaStream_t stream = nullptr;
  bool dependent = false;

  Queue(cudaStream_t stream, bool dependent = false) : stream(stream), dependent(dependent) {}
  operator cudaStream_t() const { return stream; }
};

}  // namespace peregrine::cuda
