// An engine run once from the outside: for conformance, parity and validation, which compare numbers and do not care
// for time.
#pragma once

#include <span>
#include <vector>

#include "base/tensor.h"
#include "engine/engine.h"

namespace peregrine {

/// Feeds dense FP32 host tensors to the inputs (in the order of io()), converted to the dtype, layout and place that
/// the engine wants, and returns its outputs as dense FP32 host tensors. `output_shapes` are for engines with open
/// shapes; empty: those of io(). Throws what enqueue throws.
std::vector<HostTensor> run_on_host(Engine& engine, std::span<const TensorView> inputs,
                                    std::span<const Shape> output_shapes = {});

}  // namespace peregrine
