// The CUDA devices of this machine, and choosing one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cuda/runtime.h"
#include "peregrine/tensor.h"

namespace peregrine::cuda {

struct DeviceFacts {
  int index = 0;
  std::string name;  ///< "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0;
  int multiprocessors = 0;
  std::size_t memory_bytes = 0;
  std::size_t l2_bytes = 0;
  std::size_t shared_bytes_per_block = 0;  ///< with opt-in
  /// "NVIDIA H100 80GB HBM3 (compute capability 9.0)": what plans are bound to.
  std::string identity() const;
};

/// How many devices there are; 0 without a driver or a device. A driver that is there and does not work (too
/// old, the device lost) is no absence: throws Error "device.driver", "device.lost" or "device.call", which
/// names it.
int device_count();
/// All devices; empty without a driver. Throws as device_count() does.
std::vector<DeviceFacts> devices();
/// Throws Error "device.index", listing the devices there are, or "device.none".
DeviceFacts device_facts(int index);
/// Version of the driver, "13.0"; empty without one.
std::string driver_version();

/// Makes a device current for this thread and puts the previous one back.
class DeviceScope {
 public:
  explicit DeviceScope(int index);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int previous_ = 0;
  bool changed_ = false;
};

/// Where memory really lies, as the driver says; cpu for anything it does not know.
Device place_of(const void* pointer);

}  // namespace peregrine::cuda
