#include "cuda/device.h"

#include <fmt/format.h>

#include "peregrine/error.h"

namespace peregrine::cuda {

namespace {

DeviceFacts read_facts(int index) {
  cudaDeviceProp properties{};
  check(runtime().get_device_properties(&properties, index), "cudaGetDeviceProperties",
        fmt::format("cuda:{}", index));
  return {.index = index,
          .name = properties.name,
          .major = properties.major,
          .minor = properties.minor,
          .multiprocessors = properties.multiProcessorCount,
          .memory_bytes = properties.totalGlobalMem,
          .l2_bytes = static_cast<std::size_t>(properties.l2CacheSize),
          .shared_bytes_per_block = properties.sharedMemPerBlockOptin};
}

}  // namespace

std::string DeviceFacts::identity() const {
  return fmt::format("{} (compute capability {}.{})", name, major, minor);
}

int device_count() {
  int count = 0;
  const cudaError_t status = runtime().get_device_count(&count);
  if (status == cudaSuccess) return count;
  const std::string driver = driver_version();
  const bool no_driver = status == cudaErrorInsufficientDriver && driver.empty();
  if (!no_driver && status != cudaErrorNoDevice && status != cudaErrorStubLibrary)
    check(status, "cudaGetDeviceCount",
          fmt::format("the driver, which supports CUDA {}", driver.empty() ? "of no version" : driver));
  runtime().get_last_error();
  return 0;
}

std::vector<DeviceFacts> devices() {
  std::vector<DeviceFacts> all;
  for (int i = 0, count = device_count(); i < count; ++i) all.push_back(read_facts(i));
  return all;
}

DeviceFacts device_facts(int index) {
  const int count = device_count();
  if (count == 0)
    throw Error("device.none", "This machine has no CUDA device.",
                "nvidia-smi should list one; the driver must be 580 or newer.");
  if (index < 0 || index >= count) {
    std::string list;
    for (const DeviceFacts& device : devices())
      list += fmt::format("{}cuda:{} {}", list.empty() ? "" : ", ", device.index, device.name);
    throw Error("device.index", fmt::format("There is no device cuda:{}.", index),
                fmt::format("This machine has {}.", list));
  }
  return read_facts(index);
}

std::string driver_version() {
  int version = 0;
  if (runtime().driver_version(&version) != cudaSuccess || version == 0) return {};
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

DeviceScope::DeviceScope(int index) {
  check(runtime().get_device(&previous_), "cudaGetDevice");
  if (previous_ == index) return;
  check(runtime().set_device(index), "cudaSetDevice", fmt::format("cuda:{}", index));
  changed_ = true;
}

DeviceScope::~DeviceScope() {
  if (changed_) check_quietly(runtime().set_device(previous_), "cudaSetDevice");
}

Device place_of(const void* pointer) {
  cudaPointerAttributes attributes{};
  if (runtime().pointer_attributes(&attributes, pointer) != cudaSuccess) {
    runtime().get_last_error();
    return Device::cpu();
  }
  switch (attributes.type) {
    case cudaMemoryTypeDevice:
    case cudaMemoryTypeManaged: return Device::cuda(attributes.device);
    case cudaMemoryTypeHost: return Device::pinned();
    default: return Device::cpu();
  }
}

}  // namespace peregrine::cuda
