// The GPU-only policy: under FORCE_GPU_ONLY nothing that belongs on the GPU may be elsewhere, or in another
// dtype than FP16. Each violation is raised in fixed words (users search their logs for them); with the guard
// off it is logged once and kept as a fallback.
#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/task/task_traits.h"
#include "core/trace.h"
#include "peregrine/error.h"
#include "peregrine/results.h"
#include "peregrine/tensor.h"

namespace peregrine {

/// Throws Error "enforcement.cuda" ("FORCE_GPU_ONLY enabled but CUDA not available") when GPU-only work is
/// asked for without a device; with one, logs the line that says so. `device_name` is empty without a device.
void enforce_start_up(bool force_gpu_only, const Device& device, std::string_view device_name);

/// Whether an error comes from the GPU or its libraries, so that the CPU could do better: codes "device.*",
/// "engine.*", missing libraries. Wrong usage, a bad model and a violation of the enforcement are none.
bool is_gpu_failure(const Error& error) noexcept;

/// A GPU failure with the name of the step that it happened in.
class StepFailure : public std::exception {
 public:
  StepFailure(std::string_view step, Error cause) : step_(step), cause_(std::move(cause)) {}
  const std::string& step() const noexcept { return step_; }
  const char* what() const noexcept override { return cause_.what(); }

 private:
  std::string step_;
  Error cause_;
};

/// Runs `work` as a step (and a trace::Range) of what GpuPolicy::run() runs: a GPU failure in it is a
/// StepFailure, of the innermost step.
template <class Work>
auto in_step(std::string_view step, Work&& work) -> decltype(work()) {
  const trace::Range range(step);
  try {
    return work();
  } catch (const Error& error) {
    if (!is_gpu_failure(error)) throw;
    throw StepFailure(step, error);
  }
}

/// Shared by the stages of one pipeline; its functions may be called from several threads.
class GpuPolicy {
 public:
  /// Where a pointer really lies. On a machine with CUDA: cuda::place_of, so that a view that lies about
  /// its place is found out; without: everything is where its view says.
  using PlaceOf = std::function<Device(const void*)>;

  GpuPolicy(bool force_gpu_only, Device expected, PlaceOf place_of = {});

  bool forced() const noexcept { return forced_; }
  const Device& expected() const noexcept { return expected_; }

  /// "GPU enforcement violation: NAME not on GPU (it is on PLACE, expected DEVICE)", code
  /// "enforcement.place". Returns whether it is in place. Views without elements are in place anywhere.
  bool require_gpu(std::string_view name, const TensorView& view);
  /// "FP16 violation: NAME is DTYPE (GPU enforcement violation: NAME not FP16)", code "enforcement.dtype".
  bool require_fp16(std::string_view name, const TensorView& view);

  /// Runs `gpu`; when the GPU fails in it: Error "enforcement.step" ("GPU-only operation failed: STEP:
  /// CAUSE", STEP from in_step() where there is one) under FORCE_GPU_ONLY, else the fallback is logged and
  /// `cpu` runs instead. Other errors pass.
  template <class Gpu, class Cpu>
  auto run(std::string_view step, Gpu&& gpu, Cpu&& cpu) -> decltype(gpu()) {
    try {
      return gpu();
    } catch (const StepFailure& failure) {
      fall_back(failure.step(), failure);
    } catch (const Error& error) {
      if (!is_gpu_failure(error)) throw;
      fall_back(step, error);
    }
    return cpu();
  }

  /// What ran elsewhere so far, each step once.
  std::vector<Fallback> fallbacks() const;

 private:
  /// Throws under FORCE_GPU_ONLY; otherwise remembers and logs the first time.
  void fall_back(std::string_view step, const std::exception& cause);
  void remember(std::string_view step, std::string_view why);

  bool forced_;
  Device expected_;
  PlaceOf place_of_;
  mutable std::mutex mutex_;
  std::vector<Fallback> fallbacks_;
};

}  // namespace peregrine
