// A Migrator moves a working PyTorch pipeline to engines: it checks, builds, validates, compares and switches
// over, and can roll back. An example:
//
//   // [models] of peregrine.toml say what to move.
//   peregrine::Settings settings = peregrine::load_settings({}).settings;
//   const peregrine::migrate::Report report = peregrine::Migrator(settings).run();
//   std::puts(report.verdict.c_str());  // and report.exit_status(): 0, 1, 2 or 3
//
// Steps, in this order: environment, models, backup, export, build, validate, compare, final inference,
// switch, report. Each step stores its result: an interrupted run continues where it stopped and repeats
// nothing that is still valid. Until the switch, which is one rename, the deployed engines stay deployed.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "peregrine/migration_report.h"
#include "peregrine/settings.h"

namespace peregrine::migrate {

/// What an engine's speed is compared with.
enum class Baseline : std::uint8_t {
  automatic,  ///< PyTorch where it runs, the FP32 engine otherwise
  pytorch,    ///< PyTorch, or Error "environment.python"
  fp32,       ///< the FP32 engine
  none        ///< with nothing: speed is not measured
};

struct Progress {
  std::string step;           ///< "build"
  int number = 0, steps = 0;  ///< 5 of 10
  double share = 0;           ///< 0 to 1, of this step
  std::string doing;          ///< "demo-detect.pt: tuning"
};

struct Options {
  std::string engine = "auto";  ///< as PipelineOptions::engine
  bool validate_only = false;   ///< environment, models, existing engines; the disk stays as it is
  bool force_rebuild =
      false;                ///< engines are built again; the old ones stay until the new ones are validated
  bool unverified = false;  ///< switch over although a validation failed
  std::filesystem::path config{};  ///< the settings file, which the backup keeps; empty: none
  std::vector<std::filesystem::path>
      images{};                  ///< to validate and compare on; empty: the built-in sample images
  std::filesystem::path data{};  ///< COCO's layout: average precision before and after; empty: not asked
  Baseline baseline = Baseline::automatic;
  std::filesystem::path python{};            ///< empty: that of the active environment, else python3
  std::chrono::milliseconds limit{600'000};  ///< for each process that is measured; a Python that does not
                                             ///< answer is given up after 20 s at most
  std::filesystem::path executable{};        ///< the peregrine command: measurements get a process each
  std::filesystem::path page{};              ///< write to_html() there; empty: nowhere
  /// Return false to stop (Error "interrupted"). Called by one thread at a time and only while run() runs,
  /// but not always by the thread that called it: while TensorRT 8 builds, another one calls it each second.
  /// It must not call the Migrator, and what it shares with other threads needs a lock. `finished` and
  /// `confirm` are called by run()'s thread alone.
  std::function<bool(const Progress&)> progress{};
  std::function<void(const StepResult&)> finished{};  ///< told of each step's verdict
  std::function<bool(const Report&)> confirm{};       ///< asked before the switch; empty: yes
};

/// The state that a migration found and a rollback restores.
struct BackupSummary {
  int id = 0;
  std::string date;  ///< UTC, ISO 8601
  std::vector<std::string> models,
      service;         ///< "detect: models/yolo11n.pt", "detect: engine 0123456789abcdef"
  std::string damage;  ///< why it cannot be put back; empty: it can
};

}  // namespace peregrine::migrate

namespace peregrine {

class Migrator {
 public:
  explicit Migrator(Settings settings, migrate::Options options = {});

  /// Runs all steps. The report contains what fails on the way: an unreadable model, a failed validation, a
  /// missing device, a full disk. Throws Error "usage.models" without models, "store.busy" while another
  /// migration runs on this store, and "interrupted". A Migrator is not thread-safe.
  migrate::Report run();

  /// Lists the backups, newest first.
  std::vector<migrate::BackupSummary> backups() const;
  /// Restores a backup (the newest without a number): engines, settings file, deployment. It checks all of it
  /// by digest first. Returns one sentence for each thing that it did. Throws Error "store.backup",
  /// "store.damaged", "store.busy".
  std::vector<std::string> roll_back(std::optional<int> id = {});

 private:
  Settings settings_;
  migrate::Options options_;
};

}  // namespace peregrine
