// The GPU's runner: pictures are decoded into device memory, and everything up to the final results stays there.
#pragma once

#include "pipeline/batch_runner.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

/// `cpu`: makes the runner that serves where a GPU step fails and FORCE_GPU_ONLY is off.
std::unique_ptr<BatchRunner> make_gpu_runner(provision::EngineChoice choice, const Settings& settings,
                                             const PipelineOptions& options, std::function<std::unique_ptr<BatchRunner>()> cpu);

}  // namespace peregrine::pipeline
