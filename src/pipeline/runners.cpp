#include "pipeline/runners.h"

#include "base/guard.h"
#include "pipeline/cpu_runner.h"
#if PEREGRINE_CUDA
#include "pipeline/gpu_runner.h"
#endif

namespace peregrine::pipeline {

std::unique_ptr<BatchRunner> make_runner(provision::EngineChoice choice, const Settings& settings,
                                         const PipelineOptions& options) {
#if PEREGRINE_CUDA
  if (choice.device.on_gpu()) {
    const auto cpu = [settings, options](std::vector<Fallback> fallbacks) {
      return make_cpu_runner(provision::choose_engine(settings, "openvino"), settings, options, std::move(fallbacks));
    };
    PlacementGuard guard(settings.force_gpu_only, choice.device);
    return guard.run(
        "build", [&] { return make_gpu_runner(std::move(choice), settings, options, cpu); },
        [&] { return cpu(guard.fallbacks()); });
  }
#endif
  return make_cpu_runner(std::move(choice), settings, options);
}

}  // namespace peregrine::pipeline
