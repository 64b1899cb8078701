// Counts memory for `bench`.
#pragma once

#include <optional>

#include "peregrine/settings.h"

namespace peregrine::cli {

/// From here on the kernel counts the peak of resident memory anew (where it lets us).
void restart_peak();
double peak_resident_mib();

/// What a program takes of the device: libraries, kernels and buffers, its context left out. Counted by the
/// driver, for all programs.
class DeviceMemory {
 public:
  /// Creates the context. Nothing but that may have been loaded before.
  explicit DeviceMemory(const Settings& settings);
  /// MiB since then; nothing without a device.
  std::optional<double> taken() const;

 private:
  int device_;
  std::optional<double> before_;
};

}  // namespace peregrine::cli
