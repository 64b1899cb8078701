#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <thread>

#include "common.h"
#include "peregrine/version.h"
#if PEREGRINE_CUDA
#include "base/cuda/device.h"
#include "engine/tensorrt/locate.h"
#include "engine/tensorrt/tensorrt_builder.h"
#endif
#if PEREGRINE_OPENVINO
#include "engine/openvino/openvino_builder.h"
#endif

namespace peregrine::cli {

namespace {

void line(std::string_view what, std::string_view found, std::string_view remedy = {}) {
  fmt::print("{:<12}{}{}{}\n", what, found, remedy.empty() ? "" : "\n            to mend: ", remedy);
}

void print_cuda() {
#if PEREGRINE_CUDA
  const auto devices = cuda::devices();
  if (devices.empty()) line("GPU", "none", "install NVIDIA's driver (580 or newer), or run on the CPU with --allow-cpu");
  for (const auto& device : devices) line("GPU", fmt::format("cuda:{} {}", device.index, device.identity()));
  if (!devices.empty()) line("driver", cuda::driver_version());
#else
  line("GPU", "this build has no GPU engine", "make build CUDA=on");
#endif
}

/// Each TensorRT that was found, in the order of the search.
void print_tensorrt([[maybe_unused]] const Settings& settings) {
#if PEREGRINE_CUDA
  const auto all = tensorrt::find_installations(settings.tensorrt);
  if (all.empty())
    line("TensorRT", "none", "install TensorRT 10 or 11, or the wheel tensorrt-rtx-cu13-libs; or name one with --tensorrt");
  for (const tensorrt::Installation& found : all) {
    const std::string path = fmt::format("{} ({})", found.files.library.string(), found.place);
    if (!found.refusal.empty()) {
      line("TensorRT", fmt::format("{}: {}", path, found.refusal));
      continue;
    }
    const auto builder =
        make_tensorrt_builder(found.version->flavour, {.library = found.files.library, .memory = settings.store / "tensorrt"});
    const std::string reason = builder->cannot_run(Device::cuda(settings.device));
    line("TensorRT", fmt::format("{}, {}, parser {}: {}", tensorrt::to_string(*found.version), path,
                                 found.files.parser.filename().string(), reason.empty() ? "runs on this GPU" : reason));
  }
#endif
}

void print_openvino() {
#if PEREGRINE_OPENVINO
  const auto builder = make_openvino_builder();
  line("CPU engine", builder->library_versions());
  line("CPU", builder->device_name(Device::cpu()));
#else
  line("CPU engine", "this build has no CPU engine", "build with PEREGRINE_OPENVINO=ON");
#endif
}

}  // namespace

void add_doctor(CLI::App& app, CommonFlags& common, int& status) {
  CLI::App* command = app.add_subcommand("doctor", "Show what this machine has");
  add_common_flags(*command, common);
  command->callback([&common, &status] {
    const LoadedSettings loaded = start(common);
    line("peregrine", version);
    print_cuda();
    print_tensorrt(loaded.settings);
    print_openvino();
    line("cores", fmt::format("{}", std::thread::hardware_concurrency()));
    line("store", loaded.settings.store.string());
    status = 0;
  });
}

}  // namespace peregrine::cli
