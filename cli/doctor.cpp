#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <thread>

#include "common.h"
#include "peregrine/version.h"
#if PEREGRINE_CUDA
#include "base/cuda/device.h"
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
    print_openvino();
    line("cores", fmt::format("{}", std::thread::hardware_concurrency()));
    line("store", loaded.settings.store.string());
    status = 0;
  });
}

}  // namespace peregrine::cli
