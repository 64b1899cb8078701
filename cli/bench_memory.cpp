#include "bench_memory.h"

#include <fstream>
#include <string>
#if PEREGRINE_CUDA
#include "cuda/device.h"
#endif

namespace peregrine::cli {

namespace {

/// Bytes in use on the device as the driver counts them, by all programs.
std::optional<double> used_mib(int device) {
#if PEREGRINE_CUDA
  constexpr double mebibyte = 1 << 20;
  if (cuda::device_count() == 0) return std::nullopt;
  const cuda::DeviceScope scope(device);
  std::size_t free = 0, total = 0;
  cuda::check(cuda::runtime().memory_info(&free, &total), "cudaMemGetInfo", to_string(Device::cuda(device)));
  return static_cast<double>(total - free) / mebibyte;
#else
  (void)device;
  return std::nullopt;
#endif
}

}  // namespace

void restart_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

double peak_resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      double kibibytes = 0;
      status >> kibibytes;
      return kibibytes / 1024;
    }
  return 0;
}

DeviceMemory::DeviceMemory(const Settings& settings)
    : device_(settings.device), before_(used_mib(settings.device)) {}

std::optional<double> DeviceMemory::taken() const {
  if (!before_) return std::nullopt;
  return *used_mib(device_) - *before_;
}

}  // namespace peregrine::cli
