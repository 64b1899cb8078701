#include "tools/doctor/libraries.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/memory_error.h"
#include "core/text.h"
#include "peregrine/error.h"
#if PEREGRINE_CUDA
#include "cuda/device.h"
#include "engine/cuda/libraries/cudnn_version.h"
#include "engine/tensorrt/library/locate.h"
#include "engine/tensorrt/tensorrt_builder.h"
#endif
#if PEREGRINE_OPENVINO
#include "engine/openvino/openvino_builder.h"
#endif

namespace peregrine::doctor {

namespace {

using Standing = EnvironmentRow::Standing;

/// What is missing is bad where it is insisted on.
Standing missing(bool insisted) { return insisted ? Standing::bad : Standing::absent; }

#if PEREGRINE_CUDA

constexpr const char* driver_needed = "13.0 (NVIDIA driver 580) or newer";

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

EnvironmentRow driver_row(bool insisted) {
  EnvironmentRow row{"CUDA driver", cuda::driver_version(), driver_needed, {}, Standing::good};
  int version = 0;
  if (cuda::runtime().driver_version(&version) == cudaSuccess && version >= 13000) return row;
  if (row.found.empty()) row.found = "none";
  row.standing = missing(insisted);
  row.remedy = "install NVIDIA's driver 580 or newer, or let the CPU serve with --allow-cpu";
  return row;
}

EnvironmentRow device_row(const cuda::DeviceFacts& device, bool chosen) {
  EnvironmentRow row{fmt::format("cuda:{}", device.index),
                     device.identity(),
                     "compute capability " PEREGRINE_CUDA_ARCHITECTURE " (this build's kernels)",
                     {},
                     Standing::good};
  if (has_kernels_for(PEREGRINE_CUDA_ARCHITECTURE, device.major, device.minor)) return row;
  row.standing = missing(chosen);
  row.remedy = "build with -DCMAKE_CUDA_ARCHITECTURES for this device, or choose another one with --device";
  return row;
}

EnvironmentRow gpu_memory_row(int device, std::uint64_t needed, bool insisted) {
  EnvironmentRow row{
      "GPU memory", {}, fmt::format("{:.1f} GB", static_cast<double>(needed) / 1e9), {}, Standing::good};
  try {
    const cuda::DeviceScope scope(device);
    std::size_t free = 0, total = 0;
    cuda::check(cuda::runtime().memory_info(&free, &total), "cudaMemGetInfo");
    row.found = fmt::format("{:.1f} GB free of {:.1f} GB", static_cast<double>(free) / 1e9,
                            static_cast<double>(total) / 1e9);
    if (free >= needed) return row;
    row.remedy = "end other programs on this GPU (nvidia-smi lists them)";
  } catch (const Error& error) {
    row.found = error.sentence();
    row.remedy = error.hint();
  }
  row.standing = missing(insisted);
  return row;
}

EnvironmentRow cudnn_row(bool insisted) {
  try {
    return {"cuDNN", cuda::cudnn_version(), "9", {}, Standing::good};
  } catch (const Error& error) {
    return {"cuDNN", "none", "9", error.hint(), missing(insisted)};
  }
}

constexpr const char* tensorrt_needed =
    "8.5, 8.6, 10, 11 or RTX from 1.5 (optional: the cuda engine serves without)";

/// A library as it was found. What a probe learns of it stays in memory.
EnvironmentRow tensorrt_row(const tensorrt::Installation& found, const Settings& settings,
                            const Probing& progress) {
  std::string place = printable(found.files.library.native());
  if (!found.files.parser.empty())
    place += fmt::format(" with {}", printable(found.files.parser.filename().native()));
  place += fmt::format(" ({})", found.place);
  if (!found.refusal.empty()) return {"TensorRT", place, tensorrt_needed, found.refusal, Standing::absent};
  const auto builder =
      make_tensorrt_builder(found.version->flavour, {.library = found.files.library, .progress = progress});
  EnvironmentRow row{"TensorRT", fmt::format("{}, {}", tensorrt::to_string(*found.version), place),
                     tensorrt_needed, builder->cannot_run(Device::cuda(settings.device)), Standing::good};
  if (!row.remedy.empty()) row.standing = Standing::absent;
  return row;
}

std::vector<EnvironmentRow> tensorrt_rows(const Settings& settings, const Probing& progress) {
  std::vector<EnvironmentRow> rows;
  try {
    for (const tensorrt::Installation& found : tensorrt::find_installations(settings.tensorrt))
      rows.push_back(tensorrt_row(found, settings, progress));
  } catch (const Error& error) {  // --tensorrt names a place that has none
    if (error.code().starts_with("interrupted")) throw;
    rows.push_back({"TensorRT", error.sentence(), tensorrt_needed, error.hint(), Standing::bad});
  }
  if (rows.empty())
    rows.push_back(
        {"TensorRT", "none", tensorrt_needed,
         "install TensorRT 8.5, 8.6, 10 or 11, or the wheel tensorrt-rtx-cu13-libs; or name one with "
         "--tensorrt",
         Standing::absent});
  return rows;
}

#endif

#if PEREGRINE_OPENVINO

EnvironmentRow openvino_row() {
  try {
    const auto builder = make_openvino_builder();
    return {"OpenVINO",
            fmt::format("{}, {}", builder->library_versions(), builder->device_name(Device::cpu())),
            "FP32 reference and CPU engine",
            {},
            Standing::good};
  } catch (const std::exception& error) {
    const bool memory = is_out_of_memory(error);
    return {"OpenVINO", memory ? "there is not enough memory to load it" : error.what(),
            "FP32 reference and CPU engine",
            memory ? "free some memory or raise the limit (ulimit -v)"
                   : "install peregrine again: its libraries are damaged",
            Standing::bad};
  }
}

#endif

}  // namespace

bool has_kernels_for(std::string_view architectures, int major, int minor) {
  while (!architectures.empty()) {
    const std::size_t end = std::min(architectures.find(' '), architectures.size());
    const std::string_view one = architectures.substr(0, end);
    architectures.remove_prefix(std::min(end + 1, architectures.size()));
    int number = 0;
    const auto [rest, failure] = std::from_chars(one.data(), one.data() + one.size(), number);
    if (failure != std::errc{}) continue;
    const bool exact = rest != one.data() + one.size() && *rest == 'a';
    if (number / 10 == major && (exact ? number % 10 == minor : number % 10 <= minor)) return true;
  }
  return false;
}

std::vector<EnvironmentRow> gpu_rows(const Settings& settings, std::uint64_t gpu_bytes) {
  const bool insisted = settings.force_gpu_only;
#if PEREGRINE_CUDA
  std::vector<EnvironmentRow> rows{driver_row(insisted)};
  rows.push_back({"CUDA runtime", version_text(CUDART_VERSION) + " (built in)", "13", {}, Standing::good});
  std::vector<cuda::DeviceFacts> devices;
  try {
    devices = cuda::devices();
  } catch (const Error& error) {
    rows.push_back(
        {"CUDA devices", error.sentence(), "a driver that works", error.hint(), missing(insisted)});
    return rows;
  }
  for (const cuda::DeviceFacts& device : devices)
    rows.push_back(device_row(device, insisted && device.index == settings.device));
  const bool there = settings.device < static_cast<int>(devices.size());
  if (!there)
    rows.push_back({fmt::format("cuda:{}", settings.device), "no such device", "a CUDA device",
                    devices.empty()
                        ? "run on a machine with an NVIDIA GPU, or let the CPU serve with --allow-cpu"
                        : "choose one that is there with --device",
                    missing(insisted)});
  if (there) rows.push_back(gpu_memory_row(settings.device, gpu_bytes, insisted));
  rows.push_back(cudnn_row(insisted));
  return rows;
#else
  (void)gpu_bytes;
  return {{"GPU", "this build has no GPU engine", "a CUDA device",
           "make build CUDA=on, or let the CPU serve with --allow-cpu", missing(insisted)}};
#endif
}

std::vector<EnvironmentRow> engine_rows(const Settings& settings, [[maybe_unused]] const Probing& progress) {
  std::vector<EnvironmentRow> rows;
#if PEREGRINE_CUDA
  rows = tensorrt_rows(settings, progress);
#endif
#if PEREGRINE_OPENVINO
  (void)settings;
  rows.push_back(openvino_row());
#else
  rows.push_back({"OpenVINO", "not in this build", "FP32 reference and CPU engine",
                  "build with PEREGRINE_OPENVINO=ON", missing(!settings.force_gpu_only)});
#endif
  return rows;
}

}  // namespace peregrine::doctor
