// The CPU's runner keeps everything in host memory. It runs only when FORCE_GPU_ONLY is off.
#pragma once

#include "engine_cache/engine_context.h"
#include "predictor/batch_runner.h"

namespace peregrine::predictor {

/// `fallbacks`: why the CPU runs, for RunInfo.
std::unique_ptr<BatchRunner> make_cpu_runner(engine_cache::EngineContext context, const Settings& settings,
                                             const PipelineOptions& options,
                                             std::vector<Fallback> fallbacks = {});

}  // namespace peregrine::predictor
