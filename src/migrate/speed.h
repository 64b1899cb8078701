// How fast an engine is beside what the user runs today: PyTorch through their own Python, or, failing that, the FP32 engine.
// Each program is measured in a process of its own, from files to results, one after another.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "peregrine/model_info.h"
#include "peregrine/settings.h"

namespace peregrine::migrate {

enum class Baseline : std::uint8_t {
  automatic,  ///< PyTorch where it runs, the FP32 engine otherwise
  pytorch,    ///< PyTorch, or Error "environment.python"
  fp32        ///< the FP32 engine
};

/// How fast one program runs one model.
struct Speed {
  std::string subject;  ///< "openvino fp32", "PyTorch 2.15 eager fp32"
  int batch = 1;
  double p50_ms = 0, p90_ms = 0, p99_ms = 0;  ///< a batch, files to results, warm
  double start_ms = 0;                        ///< from nothing loaded to the first result
  double memory_mb =
      0;  ///< on a GPU what the driver counts after 20 runs, its context left out; on the CPU the peak of the process
  double pictures_per_second() const { return p50_ms > 0 ? 1000.0 * batch / p50_ms : 0; }
};

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
};

struct SpeedComparison {
  std::vector<Speed> engine, baseline;
  std::string note;     ///< which baseline it was, and why
  std::string warning;  ///< the engine is less than twice as fast as the fastest baseline, with the numbers; empty: it is
  /// The first batch of each: how many times faster than the fastest baseline. Nothing where both are the same engine.
  std::optional<double> speed_up() const;
};

/// What the claim says: at least so many times faster.
inline constexpr double claimed_speed_up = 2;

/// Throws Error "migration.measure" where our own command cannot be measured, "environment.python" as Baseline says.
SpeedComparison compare_speed(const SpeedRequest& request);

}  // namespace peregrine::migrate
