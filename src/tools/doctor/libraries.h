// Driver, devices and the libraries of each engine, as rows of the environment's table.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "peregrine/migration_report.h"
#include "peregrine/settings.h"

namespace peregrine::doctor {

using migrate::EnvironmentRow;
using Probing = std::function<bool(double share, std::string_view what)>;

/// Driver, runtime, device and its memory, cuDNN. Bad only where settings insist on a GPU.
std::vector<EnvironmentRow> gpu_rows(const Settings& settings, std::uint64_t gpu_bytes);

/// TensorRT's flavours and OpenVINO. A missing one is bad only when no other engine could serve.
/// `progress`: as EnvironmentNeeds has it.
std::vector<EnvironmentRow> engine_rows(const Settings& settings, const Probing& progress);

/// Whether code for `architectures`, as nvcc names them ("80 90a"), runs on a device: one number serves its
/// family from there on, one with an "a" that device alone.
bool has_kernels_for(std::string_view architectures, int major, int minor);

}  // namespace peregrine::doctor
