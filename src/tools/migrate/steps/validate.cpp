#include <fmt/format.h>

#include "peregrine/error.h"
#include "tools/migrate/baseline/pytorch_witness.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

bool stands(const store::Manifest& manifest, const engine_cache::EngineContext& context,
            const std::string& conditions) {
  const auto& record = manifest.validation;
  return record && record->ran && record->driver == context.driver && record->conditions == conditions;
}

/// An deployed engine keeps a record that holds: new limits or images are no reason to stop what serves.
bool serves(const Migration& migration, const ModelSlot& slot) {
  const auto task_slots = migration.store.current().task_slots;
  const auto task_slot = task_slots.find(slot.task_slot);
  return task_slot != task_slots.end() && task_slot->second.engine == slot.manifest->id;
}

/// What the journal says where PyTorch, as it is here now, was asked about an engine and did not agree, so
/// that another one is asked and this one is not asked again; empty: one agrees, or there is no PyTorch to
/// ask.
std::string unanswered(const Migration& migration, const ModelSlot& slot, const std::string& conditions) {
  if (slot.manifest->validation->witness.verdict == store::Witness::Verdict::agrees) return {};
  const std::string program = pytorch_of(migration, slot);
  if (program.empty()) return {};
  return fmt::format("witness of {} on {} by {}", slot.manifest->id, conditions, program);
}

void validate_one(Migration& migration, std::size_t index) {
  ModelSlot& slot = migration.slots[index];
  const auto record = engine_cache::verify_cached(migration.store, *slot.manifest, *slot.model,
                                                  *migration.context, migration.verification(index));
  if (record.passed() || !serves(migration, slot))
    migration.store.record_validation(slot.manifest->id, record);
  slot.manifest->validation = record;
  migration.describe(index);
}

}  // namespace

StepSummary validate(Migration& migration) {
  const std::string conditions =
      engine_cache::conditions_of(migration.settings.limits, migration.options.images);
  StepSummary summary{StepResult::Verdict::still_valid, {}};
  std::string failures;
  int objects = 0;
  std::string witnesses;
  bool contradicted = false;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    ModelSlot& slot = migration.slots[i];
    const bool stood = stands(*slot.manifest, *migration.context, conditions);
    const std::string question = stood ? unanswered(migration, slot, conditions) : "";
    if (!stood || (!question.empty() && !migration.journal.done.contains(question))) {
      validate_one(migration, i);
      const std::string still = unanswered(migration, slot, conditions);
      if (!still.empty()) migration.journal.done[still] = to_string(slot.manifest->validation->witness);
      summary.verdict = StepResult::Verdict::passed;
    }
    const store::ValidationRecord& record = *slot.manifest->validation;
    objects += record.objects;
    witnesses += fmt::format("; {}: {}", title(slot), to_string(record.witness));
    contradicted = contradicted || record.witness.verdict == store::Witness::Verdict::disagrees;
    if (!record.passed())
      failures += fmt::format("{}{} {}", failures.empty() ? "" : "; ", title(slot), store::verdict(record));
  }
  summary.sentence = fmt::format("{} reference objects compared, within the limits{}", objects, witnesses);
  if (failures.empty()) return summary;
  if (contradicted && !migration.options.unverified)
    throw Error("validation.engine", failures + ".",
                "Nothing was switched over. The file itself, run by another program, gives other objects "
                "than Peregrine: do not use "
                "its engine. Where --python is not the Python of your pipeline, name that one.");
  if (!migration.options.unverified)
    throw Error("validation.engine", failures + ".",
                "Nothing was switched over. `peregrine explain` shows where an engine deviates; [limits] in "
                "the settings file, or "
                "--unverified, lets it serve all the same.");
  return {StepResult::Verdict::warning, failures + " (--unverified)"};
}

}  // namespace peregrine::migrate::steps
