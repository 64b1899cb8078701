#include "gpu_policy/gpu_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/log.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {
constexpr const char* allow_cpu_hint = "Pass --allow-cpu or set FORCE_GPU_ONLY = false to let the CPU serve.";
}

void enforce_start_up(bool force_gpu_only, const Device& device, std::string_view device_name) {
  if (!force_gpu_only) return;
  if (device_name.empty())
    throw Error("enforcement.cuda", "FORCE_GPU_ONLY enabled but CUDA not available", allow_cpu_hint);
  log::info(fmt::format("GPU-only mode enforced on device: {} ({})", to_string(device), device_name));
}

bool is_gpu_failure(const Error& error) noexcept {
  const std::string_view code = error.code();
  if (code == "device.stream" || code == "device.index") return false;  // the caller's
  return code.starts_with("device.") || code.starts_with("engine.") || code == "environment.library" ||
         code == "environment.device";
}

GpuPolicy::GpuPolicy(bool force_gpu_only, Device expected, PlaceOf place_of)
    : forced_(force_gpu_only), expected_(expected), place_of_(std::move(place_of)) {}

bool GpuPolicy::require_gpu(std::string_view name, const TensorView& view) {
  if (view.shape.elements() == 0) return true;
  const Device place = place_of_ ? place_of_(view.data) : view.device;
  if (place == expected_) return true;
  const std::string sentence =
      fmt::format("GPU enforcement violation: {} not on GPU (it is on {}, expected {})", name,
                  to_string(place), to_string(expected_));
  if (forced_) throw Error("enforcement.place", sentence, allow_cpu_hint);
  remember(name, sentence);
  return false;
}

bool GpuPolicy::require_fp16(std::string_view name, const TensorView& view) {
  if (view.dtype == DType::f16) return true;
  const std::string sentence = fmt::format(
      "FP16 violation: {} is {} (GPU enforcement violation: {} not FP16)", name, to_string(view.dtype), name);
  if (forced_)
    throw Error("enforcement.dtype", sentence,
                "Build the engine with --precision fp16, or turn FORCE_GPU_ONLY off.");
  remember(name, sentence);
  return false;
}

std::vector<Fallback> GpuPolicy::fallbacks() const {
  const std::lock_guard lock(mutex_);
  return fallbacks_;
}

void GpuPolicy::fall_back(std::string_view step, const std::exception& cause) {
  if (forced_)
    throw Error("enforcement.step", fmt::format("GPU-only operation failed: {}: {}", step, cause.what()),
                allow_cpu_hint);
  remember(step, cause.what());
}

void GpuPolicy::remember(std::string_view step, std::string_view why) {
  {
    const std::lock_guard lock(mutex_);
    const auto known =
        std::any_of(fallbacks_.begin(), fallbacks_.end(), [&](const Fallback& f) { return f.step == step; });
    if (known) return;
    fallbacks_.push_back({std::string(step), std::string(why)});
  }
  log::warning(fmt::format("not on the GPU: {}: {}", step, why));
}

}  // namespace peregrine
