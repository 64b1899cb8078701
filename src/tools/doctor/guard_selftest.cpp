#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/half.h"
#include "core/task/task_traits.h"
#include "gpu_policy/gpu_policy.h"
#include "peregrine/error.h"
#include "tools/doctor/selftest.h"
#if PEREGRINE_CUDA
#include "cuda/device.h"
#include "cuda/memory.h"
#endif

namespace peregrine::doctor {

namespace {

constexpr Device gpu = Device::cuda(0);

/// The outputs of all tasks, and two bindings to stand for all.
std::vector<std::string_view> guarded_names() {
  std::vector<std::string_view> names;
  const auto add = [&](std::string_view name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const TaskTraits& traits : all_tasks()) {
    add(traits.guarded_output);
    for (const GuardedPart& part : traits.guarded_parts) add(part.name);
  }
  add("images");
  add("box.0");
  return names;
}

/// Passes when `provoke` ends in the error with exactly these words.
template <class Provoke>
SelftestCheck expect(std::string name, const std::string& words, Provoke&& provoke) {
  try {
    provoke();
  } catch (const Error& error) {
    if (error.sentence() == words) return {std::move(name), ""};
    return {std::move(name), fmt::format("raised \"{}\" instead of \"{}\"", error.sentence(), words)};
  }
  return {std::move(name), fmt::format("nothing was raised; expected \"{}\"", words)};
}

TensorView view_of(void* memory, DType dtype) { return {memory, dtype, gpu, {1, 8}, {8, 1}}; }

void provoke_places(std::vector<SelftestCheck>& checks) {
  std::array<Half, 8> memory{};
  for (const std::string_view name : guarded_names()) {
    for (const Device place : {Device::cpu(), Device::pinned(), Device::cuda(1)}) {
      GpuPolicy policy(true, gpu, [place](const void*) { return place; });
      checks.push_back(
          expect(fmt::format("{} on {}", name, to_string(place)),
                 fmt::format("GPU enforcement violation: {} not on GPU (it is on {}, expected cuda:0)", name,
                             to_string(place)),
                 [&] { policy.require_gpu(name, view_of(memory.data(), DType::f16)); }));
    }
    GpuPolicy policy(true, gpu);
    checks.push_back(
        expect(fmt::format("{} in FP32", name),
               fmt::format("FP16 violation: {} is FP32 (GPU enforcement violation: {} not FP16)", name, name),
               [&] { policy.require_fp16(name, view_of(memory.data(), DType::f32)); }));
  }
}

void provoke_steps(std::vector<SelftestCheck>& checks) {
  const auto fail = [](GpuPolicy& policy) {
    return policy.run(
        "a provoked step", []() -> int { throw Error("device.memory", "out of memory."); }, [] { return 1; });
  };
  GpuPolicy forced(true, gpu);
  checks.push_back(expect("a step that fails", "GPU-only operation failed: a provoked step: out of memory.",
                          [&] { fail(forced); }));
  GpuPolicy lenient(false, gpu);
  const int first = fail(lenient), second = fail(lenient);
  const bool served = first == 1 && second == 1 && lenient.fallbacks().size() == 1;
  checks.push_back(
      {"a step that fails, with --allow-cpu", served ? "" : "the CPU did not serve, or was not named once"});
}

/// Memory that says it is on the GPU, and the driver's answer.
void provoke_lies(std::vector<SelftestCheck>& checks) {
#if PEREGRINE_CUDA
  const auto lie = [&](const std::string& what, void* pointer, const std::string& place) {
    GpuPolicy policy(true, gpu, cuda::place_of);
    checks.push_back(expect(
        what,
        fmt::format("GPU enforcement violation: a lie not on GPU (it is on {}, expected cuda:0)", place),
        [&] { policy.require_gpu("a lie", view_of(pointer, DType::f16)); }));
  };
  std::array<Half, 8> host{};
  lie("host memory that says it is on the GPU", host.data(), "cpu");
  if (cuda::device_count() == 0) return;
  const cuda::DeviceScope scope(0);
  const cuda::PinnedBuffer pinned(sizeof host, "the selftest");
  lie("page-locked memory that says it is on the GPU", pinned.data(), "cpu (pinned)");
  const cuda::DeviceBuffer device(sizeof host, "the selftest");
  const bool known = cuda::place_of(device.data()) == gpu;
  checks.push_back({"device memory is known as such", known ? "" : "the driver says that it is elsewhere"});
#else
  (void)checks;
#endif
}

}  // namespace

std::vector<SelftestCheck> provoke_enforcement() {
  std::vector<SelftestCheck> checks;
  checks.push_back(expect("start-up without a device", "FORCE_GPU_ONLY enabled but CUDA not available",
                          [] { enforce_start_up(true, gpu, ""); }));
  provoke_places(checks);
  provoke_lies(checks);
  provoke_steps(checks);
  return checks;
}

}  // namespace peregrine::doctor
