// The state of a running migration, which its steps share.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine_cache/engine_cache.h"
#include "engine_cache/store/store.h"
#include "formats/model.h"
#include "peregrine/error.h"
#include "peregrine/migrate.h"
#include "tools/doctor/environment.h"
#include "tools/migrate/journal.h"
#include "tools/migrate/rollback/lock.h"

namespace peregrine::migrate {

/// A model that is moved, and the engine that it gets.
struct ModelSlot {
  Task task_slot{};
  std::filesystem::path path;
  std::optional<Model> model{};               ///< from the step "models" on
  engine_cache::Request request{};            ///< from the step "models" on
  std::optional<store::Manifest> manifest{};  ///< from the step "build" on

  const ModelInfo& info() const { return model->info(); }
};

struct StepSummary {
  StepResult::Verdict verdict = StepResult::Verdict::passed;
  std::string sentence;
};

struct Migration {
  Migration(Settings wanted, const Options& given);

  const Settings settings;
  const Options& options;
  std::vector<ModelSlot> slots;  ///< Report::models are in the same order
  store::Store store;
  std::optional<Lock> lock{};  ///< none while nothing may change
  Journal journal{};
  std::optional<engine_cache::EngineContext> context{};  ///< from the step "environment" on
  Report report{};
  Progress place{};  ///< the step that runs

  /// Tells the progress of this step. Throws interruption().
  void tell(double share, std::string_view doing);
  /// The same of part `slot` of this step.
  void tell(std::size_t slot, double share, std::string_view doing);
  /// For what takes a callback of progress, as part `slot` of this step: false where the migration was
  /// interrupted. What then throws an Error "interrupted..." of its own is told as interruption() in the end.
  std::function<bool(double, std::string_view)> progress_of(std::size_t slot);
  /// The same of the whole step.
  std::function<bool(double, std::string_view)> progress();
  /// Error "interrupted" of the step that runs.
  Error interruption() const;
  /// For processes that are waited for: whether the migration was interrupted. Tells nothing new.
  std::function<bool()> stop() const;
  /// What [limits] and the images are.
  engine_cache::VerificationOptions verification(std::size_t slot);
  /// The slot as report.models has it: engine, precision and validation out of its manifest.
  void describe(std::size_t slot);

 private:
  /// False where the migration was interrupted.
  bool goes_on(double share, std::string_view doing);
  bool goes_on(std::size_t slot, double share, std::string_view doing);
};

/// The file is still the one that was read. Throws Error "model.changed".
void require_unchanged(const ModelSlot& slot);

/// "detect: yolo11n.pt", for messages.
std::string title(const ModelSlot& slot);

}  // namespace peregrine::migrate
