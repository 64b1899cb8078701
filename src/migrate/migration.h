// A migration on its way: what its steps share.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "engine/store/store.h"
#include "migrate/environment.h"
#include "migrate/journal.h"
#include "migrate/lock.h"
#include "model/model.h"
#include "peregrine/migrate.h"
#include "provision/provision.h"

namespace peregrine::migrate {

/// A model that is moved, and the engine that it gets.
struct Slot {
  Task role{};
  std::filesystem::path path;
  std::optional<Model> model{};               ///< from the step "models" on
  provision::Request request{};               ///< from the step "models" on
  std::optional<store::Manifest> manifest{};  ///< from the step "build" on

  const ModelInfo& info() const { return model->info(); }
};

struct StepOutcome {
  StepResult::Verdict verdict = StepResult::Verdict::passed;
  std::string sentence;
};

struct Migration {
  Migration(Settings wanted, const Options& given);

  const Settings settings;
  const Options& options;
  std::vector<Slot> slots;  ///< Report::models are in the same order
  store::Store store;
  std::optional<Lock> lock{};  ///< none while nothing may change
  Journal journal{};
  std::optional<provision::EngineChoice> choice{};  ///< from the step "environment" on
  Report report{};
  Progress place{};  ///< the step that runs

  /// Tells the progress of this step. Throws Error "interrupted".
  void tell(double share, std::string_view doing);
  /// The same as the library's builders take it, as part `slot` of this step.
  std::function<bool(double, std::string_view)> progress_of(std::size_t slot);
  /// For processes that are waited for: whether the migration was interrupted. Tells nothing new.
  std::function<bool()> stop() const;
  /// What [limits] and the pictures are.
  provision::VerificationOptions verification(std::size_t slot);
  /// The slot as report.models has it: engine, precision and validation out of its manifest.
  void describe(std::size_t slot);
};

/// The file is still the one that was read. Throws Error "model.changed".
void require_unchanged(const Slot& slot);

/// "detect: yolo11n.pt", for messages.
std::string title(const Slot& slot);

}  // namespace peregrine::migrate
