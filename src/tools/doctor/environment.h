// The environment's table, which `doctor` prints: what this machine has, what a migration needs, and how to
// install what is missing.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "peregrine/migration_report.h"
#include "peregrine/settings.h"
#include "tools/doctor/python.h"

namespace peregrine::doctor {

using migrate::EnvironmentRow;

struct EnvironmentNeeds {
  std::uint64_t disk_bytes = 0, host_bytes = 0, gpu_bytes = 0;
  std::filesystem::path python;  ///< as find_python() takes it
  std::chrono::milliseconds python_limit{20'000};
  std::function<bool()> stop{};  ///< as find_python() takes it
  /// Told while a TensorRT library is probed; false: Error "interrupted.probe".
  std::function<bool(double, std::string_view)> progress{};
};

/// Estimate for models whose files have these sizes, stated in the table.
EnvironmentNeeds needs_of(std::span<const std::uintmax_t> model_bytes);

struct Environment {
  std::vector<EnvironmentRow> rows;
  FoundPython python;
};

/// Changes nothing. What settings do not ask for (a GPU without FORCE_GPU_ONLY, Python) is `absent` rather
/// than `bad`.
Environment check_environment(const Settings& settings, const EnvironmentNeeds& needs);

/// The rows that are bad, in one sentence; empty when all is well.
std::string complaint(std::span<const EnvironmentRow> rows);
/// A table for a terminal.
std::string to_text(std::span<const EnvironmentRow> rows);
nlohmann::ordered_json to_json(std::span<const EnvironmentRow> rows);

}  // namespace peregrine::doctor
