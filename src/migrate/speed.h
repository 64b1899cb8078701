// How fast an engine is beside what the user runs today: PyTorch through their own Python, or, failing that, the FP32 engine.
// Each program is measured in a process of its own, from files to results, one after another.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "peregrine/migrate.h"
#include "peregrine/settings.h"

namespace peregrine::migrate {

struct SpeedRequest {
  std::filesystem::path model;  ///< the checkpoint that the user runs
  Task task = Task::detect;
  Settings settings{};  ///< device, size, thresholds, precision, store
  std::string engine = "auto";
  std::vector<int> batches{1, 4};
  int runs = 20;
  std::vector<std::filesystem::path> pictures{};  ///< empty: the built-in scenes
  Baseline baseline = Baseline::automatic;
  std::filesystem::path python{};            ///< as find_python() takes it
  std::chrono::milliseconds limit{600'000};  ///< for each process
  std::filesystem::path executable{};        ///< the peregrine command
  std::function<bool()> stop{};              ///< asked while a process runs: true ends it (Error "interrupted")
};

/// What the claim says: at least so many times faster.
inline constexpr double claimed_speed_up = 2;

/// Throws Error "migration.measure" where our own command cannot be measured, "environment.python" as Baseline says.
SpeedComparison compare_speed(const SpeedRequest& request);

}  // namespace peregrine::migrate
