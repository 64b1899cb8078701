// Which runner serves an engine: the GPU's for engines on a device, the CPU's otherwise.
#pragma once

#include "pipeline/batch_runner.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

std::unique_ptr<BatchRunner> make_runner(provision::EngineChoice choice, const Settings& settings,
                                         const PipelineOptions& options);

}  // namespace peregrine::pipeline
