// The CPU's runner: host memory throughout. Serves only when FORCE_GPU_ONLY is off.
#pragma once

#include "pipeline/batch_runner.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

/// `fallbacks`: why the CPU serves, for RunInfo.
std::unique_ptr<BatchRunner> make_cpu_runner(provision::EngineChoice choice, const Settings& settings,
                                             const PipelineOptions& options, std::vector<Fallback> fallbacks = {});

}  // namespace peregrine::pipeline
