#include "provision/engine_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/guard.h"
#include "base/log.h"
#include "peregrine/error.h"
#if PEREGRINE_CUDA
#include "base/cuda/device.h"
#include "engine/cuda/cuda_builder.h"
#endif
#if PEREGRINE_OPENVINO
#include "engine/openvino/openvino_builder.h"
#endif

namespace peregrine::provision {

namespace {

constexpr std::array engine_names{"auto", "cuda", "tensorrt", "tensorrt-rtx", "openvino"};

int gpu_count() {
#if PEREGRINE_CUDA
  return cuda::device_count();
#else
  return 0;
#endif
}

EngineChoice cuda_choice(const Settings& settings) {
#if PEREGRINE_CUDA
  const cuda::DeviceFacts facts = cuda::device_facts(settings.device);  // a bad index is an error that lists the devices
  const Precision fallback = settings.tensorrt_fp16 ? Precision::fp16 : Precision::fp32;
  enforce_start_up(settings.force_gpu_only, Device::cuda(settings.device), facts.name);
  return {make_cuda_builder(), Device::cuda(settings.device), facts.name, settings.precision.value_or(fallback),
          cuda::driver_version()};
#else
  (void)settings;
  throw Error("environment.engine", "This build has no GPU engine.", "Build with CUDA=on.");
#endif
}

EngineChoice openvino_choice(const Settings& settings) {
#if PEREGRINE_OPENVINO
  auto builder = make_openvino_builder();
  std::string cpu = builder->device_name(Device::cpu());
  return {std::move(builder), Device::cpu(), std::move(cpu), settings.precision.value_or(Precision::fp32)};
#else
  (void)settings;
  throw Error("environment.engine", "This build has no CPU engine.", "Build with PEREGRINE_OPENVINO=ON.");
#endif
}

}  // namespace

EngineChoice choose_engine(const Settings& settings, const std::string& engine) {
  if (std::ranges::find(engine_names, engine) == engine_names.end())
    throw Error("usage.engine", fmt::format("There is no engine \"{}\".", engine),
                fmt::format("Engines: {}.", fmt::join(engine_names, ", ")));
  if (settings.force_gpu_only && (gpu_count() == 0 || engine == "openvino"))
    enforce_start_up(true, Device::cuda(settings.device), "");
  if (engine == "openvino" || (engine == "auto" && gpu_count() == 0)) return openvino_choice(settings);
  if (engine == "tensorrt" || engine == "tensorrt-rtx")
    throw Error("environment.engine", fmt::format("The {} engine is not in this build.", engine), "Pass --engine cuda.");
  if (engine == "auto" && settings.enable_tensorrt)
    log::info("TensorRT is not in this build: the cuda engine serves (ENABLE_TENSORRT = false keeps this line away).");
  return cuda_choice(settings);
}

}  // namespace peregrine::provision
