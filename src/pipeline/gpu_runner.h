// The GPU's runner: pictures are decoded into device memory, and everything up to the final results stays there.
#pragma once

#include <functional>

#include "pipeline/batch_runner.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

/// Makes the runner that serves where a GPU step fails and FORCE_GPU_ONLY is off.
using MakeCpuRunner = std::function<std::unique_ptr<BatchRunner>(std::vector<Fallback> fallbacks)>;
std::unique_ptr<BatchRunner> make_gpu_runner(provision::EngineChoice choice, const Settings& settings,
                                             const PipelineOptions& options, MakeCpuRunner cpu);

}  // namespace peregrine::pipeline
