#include "tools/migrate/migration.h"

#include <fmt/format.h>

#include "core/task/task_traits.h"
#include "core/text.h"
#include "engine_cache/store/files.h"
#include "peregrine/error.h"
#include "tools/migrate/baseline/pytorch_witness.h"

namespace peregrine::migrate {

namespace {

std::vector<ModelSlot> slots_of(const Settings& settings) {
  std::vector<ModelSlot> slots;
  for (const TaskTraits& traits : all_tasks())
    if (traits.setting && !(settings.*traits.setting).empty())
      slots.push_back({.task_slot = traits.task, .path = settings.*traits.setting});
  if (slots.empty())
    throw Error(
        "usage.models", "No model is named that could be migrated.",
        "Name them with --detect, --pose, --segment and --reid, or under [models] in the settings file.");
  return slots;
}

}  // namespace

Migration::Migration(Settings wanted, const Options& given)
    : settings(std::move(wanted)), options(given), slots(slots_of(settings)), store(settings.store) {
  for (const ModelSlot& slot : slots) {
    MigratedModel& model = report.models.emplace_back();
    model.task_slot = slot.task_slot;
    model.path = slot.path;
    model.name = slot.path.filename().string();
  }
  report.date = store::utc_now();
}

bool Migration::goes_on(double share, std::string_view doing) {
  place.share = share;
  place.doing = doing;
  return !options.progress || options.progress(place);
}

bool Migration::goes_on(std::size_t slot, double share, std::string_view doing) {
  const double part = 1.0 / static_cast<double>(slots.size());
  return goes_on((static_cast<double>(slot) + share) * part,
                 fmt::format("{}: {}", report.models[slot].name, doing));
}

Error Migration::interruption() const {
  return {"interrupted",
          fmt::format("Interrupted in the step \"{}\": what is deployed is as it was.", place.step),
          "The same command goes on from there."};
}

void Migration::tell(double share, std::string_view doing) {
  if (!goes_on(share, doing)) throw interruption();
}

void Migration::tell(std::size_t slot, double share, std::string_view doing) {
  if (!goes_on(slot, share, doing)) throw interruption();
}

std::function<bool(double, std::string_view)> Migration::progress_of(std::size_t slot) {
  return [this, slot](double share, std::string_view doing) { return goes_on(slot, share, doing); };
}

std::function<bool(double, std::string_view)> Migration::progress() {
  return [this](double share, std::string_view doing) { return goes_on(share, doing); };
}

std::function<bool()> Migration::stop() const {
  return [this] { return options.progress && !options.progress(place); };
}

engine_cache::VerificationOptions Migration::verification(std::size_t slot) {
  return {
      .images = options.images,
      .progress = progress_of(slot),
      .witness = [this, slot](const InputShape& shape) { return ask_pytorch(*this, slots[slot], shape); }};
}

void Migration::describe(std::size_t slot) {
  const store::Manifest& manifest = *slots[slot].manifest;
  MigratedModel& model = report.models[slot];
  model.engine_id = manifest.id;
  model.engine = manifest.identity.engine;
  model.precision = to_string(manifest.effective_precision);
  model.notes = manifest.notes;
  if (!manifest.validation) return;
  const store::ValidationRecord& record = *manifest.validation;
  model.validation = store::verdict(record);
  model.witness = {to_string(record.witness.verdict), record.witness.name, record.witness.note};
  model.checks.clear();
  for (const store::ValidationCheck& check : record.checks)
    model.checks.push_back({check.name, check.value, check.limit, check.at_least});
  model.mismatches = record.mismatches;
}

void require_unchanged(const ModelSlot& slot) {
  if (store::digest_of(slot.path) == slot.info().sha256) return;
  throw Error("model.changed",
              fmt::format("{} has changed while it was migrated.", printable(slot.path.native())),
              "Nothing was switched over. Run the same command again when the file is complete.");
}

std::string title(const ModelSlot& slot) {
  return fmt::format("{}: {}", to_string(slot.task_slot), printable(slot.path.filename().native()));
}

}  // namespace peregrine::migrate
