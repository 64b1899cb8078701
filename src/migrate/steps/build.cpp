#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "migrate/steps.h"
#include "peregrine/error.h"
#include "pipeline/service.h"

namespace peregrine::migrate::steps {

namespace {

/// The engine was built again by this --force-rebuild, before it was cut short.
bool rebuilt_already(const Migration& migration, const Slot& slot) {
  const auto found = migration.store.find(provision::identity_of(*slot.model, *migration.choice, slot.request));
  return found.engine && found.engine->built_at >= migration.journal.rebuild;
}

bool build_one(Migration& migration, std::size_t index) {
  Slot& slot = migration.slots[index];
  require_unchanged(slot);
  provision::Request request = slot.request;
  request.rebuild = migration.options.force_rebuild && !rebuilt_already(migration, slot);
  request.keep_old = !migration.options.unverified;
  request.verify = request.rebuild;  // what takes the place of another is validated before; the others in their own step
  request.verification = migration.verification(index);
  const provision::Obtained obtained = provision::obtain(migration.store, *slot.model, *migration.choice, request);
  slot.manifest = obtained.manifest;
  migration.describe(index);
  return obtained.built;
}

/// Nothing where it is not found, or where it is no extra.
std::optional<provision::EngineChoice> rtx(const Migration& migration) {
  if (!migration.settings.enable_tensorrt || migration.choice->builder->name() == "tensorrt-rtx") return {};
  Settings settings = migration.settings;
  if (settings.precision == Precision::bf16) settings.precision.reset();  // the CPU engine's alone
  try {
    auto choice = provision::choose_engine_to_build(settings, "tensorrt-rtx");
    if (choice.builder->cannot_run(choice.device).empty()) return {};  // it could have been chosen with --engine
    return choice;
  } catch (const Error& error) {
    log::debug(fmt::format("No engines of TensorRT-RTX beside these: {}", error.what()));
    return {};
  }
}

/// Engines for a card that is not here: whatever becomes of them, the migration goes on.
void build_extras(Migration& migration) {
  const auto choice = rtx(migration);
  if (!choice) return;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    const Slot& slot = migration.slots[i];
    ExtraEngine extra{slot.role, choice->builder->name(), {}, {}};
    try {
      provision::Request request = pipeline::service_request(slot.info(), *choice, migration.settings);
      request.verification.progress = migration.progress_of(i);
      const auto obtained = provision::obtain(migration.store, *slot.model, *choice, request);
      extra.engine_id = obtained.manifest.id;
      extra.state = obtained.manifest.validation ? store::verdict(*obtained.manifest.validation) : "not verified";
    } catch (const Error& error) {
      if (error.code().starts_with("interrupted")) throw;
      extra.state = error.sentence();
    }
    migration.report.extras.push_back(std::move(extra));
  }
}

}  // namespace

StepOutcome build(Migration& migration) {
  int built = 0;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) built += build_one(migration, i);
  build_extras(migration);
  StepOutcome outcome{built > 0 ? StepResult::Verdict::passed : StepResult::Verdict::still_valid, {}};
  outcome.sentence = fmt::format("{} built, {} still there", built, static_cast<int>(migration.slots.size()) - built);
  const auto& extras = migration.report.extras;
  if (!extras.empty())
    outcome.sentence += fmt::format("; for another machine: {} of {} by {}, built, not run",
                                    std::ranges::count_if(extras, [](const auto& e) { return !e.engine_id.empty(); }),
                                    extras.size(), extras.front().engine);
  return outcome;
}

}  // namespace peregrine::migrate::steps
