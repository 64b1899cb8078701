// What each step of a running plan takes, beside the least that the GPU allows.
#pragma once

#include <vector>

#include "engine/cuda/runtime/executor.h"
#include "engine/engine.h"

namespace peregrine::cuda {

/// Times every step by itself, back to back with warm caches, on the bindings of the last enqueue(), which
/// must have been made. Waits; what the bindings and the arena hold afterwards is meaningless.
std::vector<LayerTime> time_steps(Executor& executor, cudaStream_t stream);

}  // namespace peregrine::cuda
