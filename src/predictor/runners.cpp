#include "predictor/runners.h"

#include "gpu_policy/gpu_policy.h"
#include "predictor/cpu_runner.h"
#if PEREGRINE_CUDA
#include "predictor/gpu/gpu_runner.h"
#endif

namespace peregrine::predictor {

std::unique_ptr<BatchRunner> make_runner(engine_cache::EngineContext context, const Settings& settings,
                                         const PipelineOptions& options) {
#if PEREGRINE_CUDA
  if (context.device.on_gpu()) {
    const auto cpu = [settings, options](std::vector<Fallback> fallbacks) {
      return make_cpu_runner(engine_cache::choose_engine(settings, "openvino", options.progress), settings,
                             options, std::move(fallbacks));
    };
    GpuPolicy policy(settings.force_gpu_only, context.device);
    return policy.run(
        "build", [&] { return make_gpu_runner(std::move(context), settings, options, cpu); },
        [&] { return cpu(policy.fallbacks()); });
  }
#endif
  return make_cpu_runner(std::move(context), settings, options);
}

}  // namespace peregrine::predictor
