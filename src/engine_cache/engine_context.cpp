#include "engine_cache/engine_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/log.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "gpu_policy/gpu_policy.h"
#include "peregrine/error.h"
#if PEREGRINE_CUDA
#include "cuda/device.h"
#include "engine/cuda/runtime/cuda_builder.h"
#endif
#if PEREGRINE_OPENVINO
#include "engine/openvino/openvino_builder.h"
#endif

namespace peregrine::engine_cache {

namespace {

constexpr std::array engine_names{"auto", "cuda", "tensorrt", "tensorrt-rtx", "openvino"};

int gpu_count() {
#if PEREGRINE_CUDA
  return cuda::device_count();
#else
  return 0;
#endif
}

/// Whether the CPU engine serves where `engine` is asked for. A driver that does not work is a fallback only
/// where one is allowed.
bool served_by_cpu(const Settings& settings, const std::string& engine) {
  if (engine != "auto") return engine == "openvino";
  try {
    return gpu_count() == 0;
  } catch (const Error& error) {
    if (settings.force_gpu_only) throw;
    log::warning(fmt::format("not on the GPU: start-up: {}", error.what()));
    return true;
  }
}

Precision precision_on_gpu(const Settings& settings) {
  return settings.precision.value_or(settings.tensorrt_fp16 ? Precision::fp16 : Precision::fp32);
}

std::unique_ptr<Builder> tensorrt_builder(const Settings& settings, tensorrt::Flavour flavour,
                                          const EngineProgress& progress) {
  const auto memory = settings.store.empty() ? std::filesystem::path{} : settings.store / "tensorrt";
  return make_tensorrt_builder(flavour,
                               {.library = settings.tensorrt, .memory = memory, .progress = progress});
}

#if PEREGRINE_CUDA
EngineContext gpu_context(const Settings& settings, std::unique_ptr<Builder> builder) {
  const cuda::DeviceFacts facts =
      cuda::device_facts(settings.device);  // a bad index is an error that lists the devices
  enforce_start_up(settings.force_gpu_only, Device::cuda(settings.device), facts.name);
  return {std::move(builder), Device::cuda(settings.device), facts.name, precision_on_gpu(settings),
          cuda::driver_version()};
}

/// The one that was asked for by name, or an error in TensorRT's own words.
EngineContext insist_on_tensorrt(const Settings& settings, tensorrt::Flavour flavour,
                                 const EngineProgress& progress) {
  auto builder = tensorrt_builder(settings, flavour, progress);
  (void)builder->library_versions();  // throws where there is no usable library
  if (const std::string reason = builder->cannot_run(Device::cuda(settings.device)); !reason.empty())
    throw Error(
        "environment.engine",
        fmt::format("The {} engine cannot run on cuda:{}: {}", builder->name(), settings.device, reason),
        "Pass --engine cuda.");
  return gpu_context(settings, std::move(builder));
}

/// TensorRT where one is usable, else the cuda engine and one line that says why.
EngineContext best_context(const Settings& settings, const EngineProgress& progress) {
  std::string why;
  for (const tensorrt::Flavour flavour : {tensorrt::Flavour::tensorrt, tensorrt::Flavour::rtx}) {
    auto builder = tensorrt_builder(settings, flavour, progress);
    const std::string reason = builder->cannot_run(Device::cuda(settings.device));
    if (reason.empty()) return gpu_context(settings, std::move(builder));
    why += fmt::format("{}{}", why.empty() ? "" : " ", reason);
  }
  log::info(fmt::format(
      "The cuda engine runs instead of TensorRT (ENABLE_TENSORRT = false keeps this line away): {}", why));
  return gpu_context(settings, make_cuda_builder());
}
#endif

EngineContext choose_gpu_engine(const Settings& settings, const std::string& engine,
                                [[maybe_unused]] const EngineProgress& progress) {
#if PEREGRINE_CUDA
  if (engine == "tensorrt") return insist_on_tensorrt(settings, tensorrt::Flavour::tensorrt, progress);
  if (engine == "tensorrt-rtx") return insist_on_tensorrt(settings, tensorrt::Flavour::rtx, progress);
  if (engine == "auto" && settings.enable_tensorrt) return best_context(settings, progress);
  return gpu_context(settings, make_cuda_builder());
#else
  (void)settings;
  throw Error("environment.engine", fmt::format("This build has no GPU engine ({} was asked for).", engine),
              "Build with CUDA=on.");
#endif
}

EngineContext openvino_context(const Settings& settings) {
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

std::unique_ptr<Builder> reference_builder([[maybe_unused]] const Device& device) {
#if PEREGRINE_CUDA
  if (device.on_gpu()) return make_cuda_builder();
#endif
#if PEREGRINE_OPENVINO
  if (!device.on_gpu()) return make_openvino_builder();
#endif
  return nullptr;
}

EngineContext choose_engine(const Settings& settings, const std::string& engine,
                            const EngineProgress& progress) {
  if (std::ranges::find(engine_names, engine) == engine_names.end())
    throw Error("usage.engine", fmt::format("There is no engine \"{}\".", engine),
                fmt::format("Engines: {}.", fmt::join(engine_names, ", ")));
  if (settings.force_gpu_only && (engine == "openvino" || gpu_count() == 0))
    enforce_start_up(true, Device::cuda(settings.device), "");
  EngineContext context = served_by_cpu(settings, engine) ? openvino_context(settings)
                                                          : choose_gpu_engine(settings, engine, progress);
  context.limits = settings.limits;
  context.progress = progress;
  context.automatic = engine == "auto";
  return context;
}

std::string usual_build_time(const Builder& builder) {
  if (builder.name() == "cuda") return "about a minute";
  if (builder.name() != "tensorrt") return {};
  // Measured with TensorRT 8.5 on an H200: the first build takes that long whatever the model.
  return builder.library_versions().starts_with("tensorrt 8.")
             ? "minutes, the first one on a GPU eight or more"
             : "minutes";
}

EngineContext choose_engine_to_build(const Settings& settings, const std::string& engine,
                                     const EngineProgress& progress) {
  if (gpu_count() > 0 || (engine != "tensorrt" && engine != "tensorrt-rtx"))
    return choose_engine(settings, engine, progress);
  auto builder = tensorrt_builder(
      settings, engine == "tensorrt" ? tensorrt::Flavour::tensorrt : tensorrt::Flavour::rtx, progress);
  (void)builder->library_versions();  // throws where there is no usable library
  const Device device = Device::cuda(settings.device);
  EngineContext context{std::move(builder), device, {}, precision_on_gpu(settings)};
  context.device_name = context.builder->device_name(device);
  context.limits = settings.limits;
  context.progress = progress;
  return context;
}

}  // namespace peregrine::engine_cache
