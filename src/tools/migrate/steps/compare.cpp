#include <fmt/format.h>

#include <algorithm>

#include "core/task/task_traits.h"
#include "peregrine/error.h"
#include "tools/migrate/baseline/comparison.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

/// All that the numbers depend on. Annotations are named by their folder: who changes them asks anew with
/// another one.
std::string key_of(const Migration& migration, const ModelSlot& slot, const std::string& conditions) {
  const Options& options = migration.options;
  return fmt::format("comparison, with its noise, of {} {} with {} by {} on {} and {}", slot.manifest->id,
                     slot.manifest->plan_sha256, static_cast<int>(options.baseline), options.python.native(),
                     conditions, options.data.native());
}

Measure lost(const Migration& migration, const PrecisionPair& pair) {
  return {fmt::format("average precision lost, {}", pair.metric), pair.lost(),
          migration.settings.limits.average_precision, false, pair.standard_error};
}

void fill(Migration& migration, MigratedModel& model, Comparison comparison) {
  model.speed = std::move(comparison.speed);
  model.pytorch = std::move(comparison.pytorch);
  model.average_precision = std::move(comparison.average_precision);
  model.average_precision_note = std::move(comparison.average_precision_note);
  model.layers = std::move(comparison.layers);
  for (const PrecisionPair& pair : model.average_precision) model.checks.push_back(lost(migration, pair));
}

/// Whether it was there.
bool compare_one(Migration& migration, std::size_t index, const std::string& conditions) {
  const std::string key = key_of(migration, migration.slots[index], conditions);
  if (const auto done = migration.journal.done.find(key); done != migration.journal.done.end()) {
    fill(migration, migration.report.models[index], parse_comparison(done->second));
    return true;
  }
  Comparison comparison = compare_slot(migration, index);
  migration.journal.done[key] = to_json(comparison);
  fill(migration, migration.report.models[index], std::move(comparison));
  return false;
}

/// "0.4681 to 0.4650, lost 0.0031 ± 0.0024 (95 %: -0.0012 to 0.0080, 47 images)".
std::string sentence_of(const MigratedModel& model, const PrecisionPair& pair) {
  return fmt::format(
      "{}: {} average precision {:.4f} to {:.4f}, lost {:.4f} ± {:.4f} (95 %: {:.4f} to {:.4f}, {} images)",
      model.name, pair.metric, pair.before, pair.after, pair.lost(), pair.standard_error, pair.low, pair.high,
      pair.images);
}

/// Every drop with its noise, or those alone that are beyond the limit.
std::string precision_of(const Migration& migration, bool beyond_alone) {
  std::string text;
  for (const MigratedModel& model : migration.report.models)
    for (const PrecisionPair& pair : model.average_precision)
      if (!beyond_alone || !lost(migration, pair).holds())
        text += fmt::format("{}{}", text.empty() ? "" : "; ", sentence_of(model, pair));
  return text;
}

}  // namespace

StepSummary compare(Migration& migration) {
  StepSummary summary{StepResult::Verdict::still_valid, {}};
  const std::string conditions =
      engine_cache::conditions_of(migration.settings.limits, migration.options.images);
  for (std::size_t i = 0; i < migration.slots.size(); ++i)
    if (!compare_one(migration, i, conditions)) summary.verdict = StepResult::Verdict::passed;
  const bool detectors = std::ranges::any_of(
      migration.slots, [](const ModelSlot& slot) { return !traits_of(slot.task_slot).embeds; });
  if (!migration.options.page.empty() && detectors) migration.report.images = image_pairs(migration);
  std::size_t deviated = 0;
  for (const MigratedModel& model : migration.report.models) {
    deviated += model.mismatches.size();
    if (model.speed.warning.empty()) continue;
    summary.verdict = StepResult::Verdict::warning;
    summary.sentence += model.speed.warning + " ";
  }
  summary.sentence += fmt::format("{} objects deviate from the FP32 reference. {}", deviated,
                                  migration.report.models.front().speed.note);
  if (const std::string all = precision_of(migration, false); !all.empty())
    summary.sentence += " " + all + ".";
  const std::string beyond = precision_of(migration, true);
  if (beyond.empty()) return summary;
  const std::string text =
      fmt::format("{}: more than the {:g} allowed", beyond, migration.settings.limits.average_precision);
  if (!migration.options.unverified)
    throw Error("validation.precision", text + ".",
                "Nothing was switched over; --unverified lets them serve all the same.");
  return {StepResult::Verdict::warning, text + " (--unverified)"};
}

}  // namespace peregrine::migrate::steps
