#include <fmt/format.h>

#include "migrate/pytorch_witness.h"
#include "migrate/steps.h"
#include "peregrine/error.h"

namespace peregrine::migrate::steps {

namespace {

bool stands(const store::Manifest& manifest, const provision::EngineChoice& choice, const std::string& conditions) {
  const auto& record = manifest.validation;
  return record && record->ran && record->driver == choice.driver && record->conditions == conditions;
}

/// An engine in service keeps a record that holds: new limits or pictures are no reason to stop what serves.
bool serves(const Migration& migration, const Slot& slot) {
  const auto roles = migration.store.current().roles;
  const auto role = roles.find(slot.role);
  return role != roles.end() && role->second.engine == slot.manifest->id;
}

/// What the journal says where PyTorch, as it is here now, was asked about an engine and did not agree, so
/// that another one is asked and this one is not asked again; empty: one agrees, or there is no PyTorch to
/// ask.
std::string unanswered(const Migration& migration, const Slot& slot, const std::string& conditions) {
  if (slot.manifest->validation->witness.verdict == store::Witness::Verdict::agrees) return {};
  const std::string program = pytorch_of(migration, slot);
  if (program.empty()) return {};
  return fmt::format("witness of {} on {} by {}", slot.manifest->id, conditions, program);
}

void validate_one(Migration& migration, std::size_t index) {
  Slot& slot = migration.slots[index];
  const auto record =
      provision::verify_kept(migration.store, *slot.manifest, *slot.model, *migration.choice, migration.verification(index));
  if (record.passed() || !serves(migration, slot)) migration.store.record_validation(slot.manifest->id, record);
  slot.manifest->validation = record;
  migration.describe(index);
}

}  // namespace

StepOutcome validate(Migration& migration) {
  const std::string conditions = provision::conditions_of(migration.settings.limits, migration.options.pictures);
  StepOutcome outcome{StepResult::Verdict::still_valid, {}};
  std::string failures;
  int objects = 0;
  std::string witnesses;
  bool contradicted = false;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    Slot& slot = migration.slots[i];
    const bool stood = stands(*slot.manifest, *migration.choice, conditions);
    const std::string question = stood ? unanswered(migration, slot, conditions) : "";
    if (!stood || (!question.empty() && !migration.journal.done.contains(question))) {
      validate_one(migration, i);
      const std::string still = unanswered(migration, slot, conditions);
      if (!still.empty()) migration.journal.done[still] = to_string(slot.manifest->validation->witness);
      outcome.verdict = StepResult::Verdict::passed;
    }
    const store::ValidationRecord& record = *slot.manifest->validation;
    objects += record.objects;
    witnesses += fmt::format("; {}: {}", title(slot), to_string(record.witness));
    contradicted = contradicted || record.witness.verdict == store::Witness::Verdict::disagrees;
    if (!record.passed()) failures += fmt::format("{}{} {}", failures.empty() ? "" : "; ", title(slot), store::verdict(record));
  }
  outcome.sentence = fmt::format("{} reference objects compared, within the limits{}", objects, witnesses);
  if (failures.empty()) return outcome;
  if (contradicted && !migration.options.unverified)
    throw Error("validation.engine", failures + ".",
                "Nothing was switched over. The file itself, run by another program, gives other objects "
                "than Peregrine: do not use "
                "its engine. Where --python is not the Python of your pipeline, name that one.");
  if (!migration.options.unverified)
    throw Error("validation.engine", failures + ".",
                "Nothing was switched over. `peregrine explain` shows where an engine departs; [limits] in the settings file, or "
                "--unverified, lets it serve all the same.");
  return {StepResult::Verdict::warning, failures + " (--unverified)"};
}

}  // namespace peregrine::migrate::steps
