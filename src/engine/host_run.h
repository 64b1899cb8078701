// Runs an engine once with tensors in host memory, for conformance, parity and validation, which compare
// numbers and need no speed.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"
#include "engine/engine.h"

namespace peregrine {

/// Feeds dense FP32 host tensors to the inputs (in the order of io()), converted to the dtype, layout and
/// place that the engine wants, and returns its outputs as dense FP32 host tensors. `output_shapes` are for
/// engines with open shapes; empty: those of io(). Throws what enqueue throws.
std::vector<HostTensor> run_on_host(Engine& engine, std::span<const TensorView> inputs,
                                    std::span<const Shape> output_shapes = {});

}  // namespace peregrine
