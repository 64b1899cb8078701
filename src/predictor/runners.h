// Which runner serves an engine: the GPU's for engines on a device, the CPU's otherwise.
#pragma once

#include "engine_cache/engine_context.h"
#include "predictor/batch_runner.h"

namespace peregrine::predictor {

std::unique_ptr<BatchRunner> make_runner(engine_cache::EngineContext context, const Settings& settings,
                                         const PipelineOptions& options);

}  // namespace peregrine::predictor
