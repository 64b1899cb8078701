#include <fmt/format.h>

#include <algorithm>

#include "migrate/comparison.h"
#include "migrate/steps.h"
#include "peregrine/error.h"

namespace peregrine::migrate::steps {

namespace {

/// What average precision may lose. bf16 keeps eight bits: three times as much, as in validation.
double most_lost(const MigratedModel& model) { return model.precision == to_string(Precision::bf16) ? 0.015 : 0.005; }

/// All that the numbers depend on. Annotations are named by their folder: who changes them asks anew with another one.
std::string key_of(const Migration& migration, const Slot& slot, const std::string& conditions) {
  const Options& options = migration.options;
  return fmt::format("comparison of {} {} with {} by {} on {} and {}", slot.manifest->id, slot.manifest->plan_sha256,
                     static_cast<int>(options.baseline), options.python.native(), conditions, options.data.native());
}

Measure lost(const MigratedModel& model, const PrecisionPair& pair) {
  return {fmt::format("average precision lost, {}", pair.metric), pair.before - pair.after, most_lost(model)};
}

void fill(MigratedModel& model, Comparison comparison) {
  model.speed = std::move(comparison.speed);
  model.average_precision = std::move(comparison.average_precision);
  model.average_precision_note = std::move(comparison.average_precision_note);
  model.layers = std::move(comparison.layers);
  for (const PrecisionPair& pair : model.average_precision) model.checks.push_back(lost(model, pair));
}

/// Whether it was there.
bool compare_one(Migration& migration, std::size_t index, const std::string& conditions) {
  const std::string key = key_of(migration, migration.slots[index], conditions);
  if (const auto done = migration.journal.done.find(key); done != migration.journal.done.end()) {
    fill(migration.report.models[index], parse_comparison(done->second));
    return true;
  }
  Comparison comparison = compare_slot(migration, index);
  migration.journal.done[key] = to_json(comparison);
  fill(migration.report.models[index], std::move(comparison));
  return false;
}

std::string losses(const Migration& migration) {
  std::string text;
  for (const MigratedModel& model : migration.report.models)
    for (const PrecisionPair& pair : model.average_precision)
      if (!lost(model, pair).holds())
        text += fmt::format("{}{}: {} average precision fell from {:.4f} to {:.4f}", text.empty() ? "" : "; ", model.name,
                            pair.metric, pair.before, pair.after);
  return text;
}

}  // namespace

StepOutcome compare(Migration& migration) {
  StepOutcome outcome{StepResult::Verdict::still_valid, {}};
  const std::string conditions = provision::conditions_of(migration.settings.limits, migration.options.pictures);
  for (std::size_t i = 0; i < migration.slots.size(); ++i)
    if (!compare_one(migration, i, conditions)) outcome.verdict = StepResult::Verdict::passed;
  const bool detectors = std::ranges::any_of(migration.slots, [](const Slot& slot) { return slot.role != Task::reid; });
  if (!migration.options.page.empty() && detectors) migration.report.pictures = picture_pairs(migration);
  std::size_t departed = 0;
  for (const MigratedModel& model : migration.report.models) {
    departed += model.departures.size();
    if (model.speed.warning.empty()) continue;
    outcome.verdict = StepResult::Verdict::warning;
    outcome.sentence += model.speed.warning + " ";
  }
  outcome.sentence +=
      fmt::format("{} objects depart from the FP32 reference. {}", departed, migration.report.models.front().speed.note);
  const std::string text = losses(migration);
  if (text.empty()) return outcome;
  if (!migration.options.unverified)
    throw Error("validation.precision", text + ".", "Nothing was switched over; --unverified lets them serve all the same.");
  return {StepResult::Verdict::warning, text + " (--unverified)"};
}

}  // namespace peregrine::migrate::steps
