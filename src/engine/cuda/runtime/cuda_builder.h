// The project's own engine: fused kernels on one NVIDIA GPU, FP16 with FP32 sums, or FP32.
#pragma once

#include <memory>

#include "engine/engine.h"

namespace peregrine {

/// Builder "cuda". build() lowers the graph, measures the tactics of every kind of step on the device and
/// keeps the fastest (unless BuildOptions say otherwise); load() neither measures nor asks heuristics.
///
/// Bindings are device tensors of the engine's precision, at least 16-byte aligned, channels-last where io()
/// says so; padding channels of the input must be zero (clear it once). enqueue is asynchronous, one thread
/// at a time.
///
/// A plan is bound to GPU, cuDNN version and format; load() refuses another ("engine.plan"). With another
/// driver it checks every step against its reference kernel first.
///
/// Errors: "engine.unsupported", "engine.weights" (build), "environment.device" (build and load without a
/// device), "engine.plan" (load), "engine.binding" (enqueue), "engine.kernel", "device.*",
/// "interrupted.build".
std::unique_ptr<Builder> make_cuda_builder();

}  // namespace peregrine
