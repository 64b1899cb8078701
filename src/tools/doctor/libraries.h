// Driver, devices and the libraries of each engine, as rows of the environment's table.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "peregrine/migration_report.h"
#include "peregrine/settings.h"

namespace peregrine::doctor {

using migrate::EnvironmentRow;

/// Driver, runtime, device and its memory, cuDNN. Bad only where settings insist on a GPU.
std::vector<EnvironmentRow> gpu_rows(const Settings& settings, std::uint64_t gpu_bytes);

/// TensorRT's flavours and OpenVINO. A missing one is bad only when no other engine could serve.
std::vector<EnvironmentRow> engine_rows(const Settings& settings);

/// Whether code for `architectures`, as nvcc names them ("80 90a"), runs on a device: one number serves its
/// family from there on, one with an "a" that device alone.
bool has_kernels_for(std::string_view architectures, int major, int minor);

}  // namespace peregrine::doctor
