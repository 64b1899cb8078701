// Compares an engine's speed with what the user runs today: PyTorch in their own Python or, without it, the
// FP32 engine.
// Each program is measured in a process of its own, one after another: detectors from files to results, ReID
// from decoded persons to embeddings.
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
  ModelInfo model_info{};
  Settings settings{};  ///< device, size, thresholds, limits, precision, store
  std::string engine = "auto";
  std::vector<int> batches{1, 4};
  int runs = 20;
  std::vector<std::filesystem::path> images{};  ///< empty: the built-in sample images
  Baseline baseline = Baseline::automatic;
  std::filesystem::path python{};            ///< as find_python() takes it
  std::chrono::milliseconds limit{600'000};  ///< for each process
  std::filesystem::path executable{};        ///< the peregrine command
  bool unverified = false;                   ///< measure an engine, too, that did not pass its verification
  std::function<bool()> stop{};  ///< asked while a process runs: true ends it (Error "interrupted")
};

/// What the claim says: at least so many times faster.
inline constexpr double claimed_speed_up = 2;

struct BaselineComparison {
  SpeedComparison speed;
  PyTorchAccuracy pytorch;  ///< its FP16 beside its FP32, on the same images
};

/// Throws Error "migration.measure" where our own command cannot be measured, "environment.python" as
/// Baseline says.
BaselineComparison compare_with_baseline(const SpeedRequest& request);

/// A Python that does not answer is given up after so long, or `limit` where that is less.
std::chrono::milliseconds answer_limit(std::chrono::milliseconds limit);

}  // namespace peregrine::migrate
