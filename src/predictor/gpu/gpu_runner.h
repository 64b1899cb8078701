// The GPU's runner decodes images into device memory, where everything up to the final results stays.
#pragma once

#include <functional>

#include "engine_cache/engine_context.h"
#include "predictor/batch_runner.h"

namespace peregrine::predictor {

/// Makes the runner that takes over where a GPU step fails and FORCE_GPU_ONLY is off.
using MakeCpuRunner = std::function<std::unique_ptr<BatchRunner>(std::vector<Fallback> fallbacks)>;
std::unique_ptr<BatchRunner> make_gpu_runner(engine_cache::EngineContext context, const Settings& settings,
                                             const PipelineOptions& options, MakeCpuRunner cpu);

}  // namespace peregrine::predictor
