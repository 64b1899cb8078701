#include <fmt/format.h>

#include <algorithm>

#include "core/log.h"
#include "peregrine/error.h"
#include "predictor/models/deployed_models.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

/// The engine was built again by this --force-rebuild, before it was cut short.
bool rebuilt_already(const Migration& migration, const ModelSlot& slot) {
  const auto found =
      migration.store.find(engine_cache::identity_of(*slot.model, *migration.context, slot.request));
  return found.engine && found.engine->built_at >= migration.journal.rebuild;
}

bool build_one(Migration& migration, std::size_t index) {
  ModelSlot& slot = migration.slots[index];
  require_unchanged(slot);
  engine_cache::Request request = slot.request;
  request.rebuild = migration.options.force_rebuild && !rebuilt_already(migration, slot);
  request.keep_old = !migration.options.unverified;
  request.verify =
      request.rebuild;  // what takes the place of another is validated before; the others in their own step
  request.verification = migration.verification(index);
  const engine_cache::CachedEngine cached_engine =
      engine_cache::get_or_build(migration.store, *slot.model, *migration.context, request);
  slot.manifest = cached_engine.manifest;
  migration.describe(index);
  return cached_engine.built;
}

/// Nothing where it is not found, or where it is no extra.
std::optional<engine_cache::EngineContext> rtx(Migration& migration) {
  if (!migration.settings.enable_tensorrt || migration.context->builder->name() == "tensorrt-rtx") return {};
  Settings settings = migration.settings;
  if (settings.precision == Precision::bf16) settings.precision.reset();  // the CPU engine's alone
  try {
    auto context = engine_cache::choose_engine_to_build(settings, "tensorrt-rtx", migration.progress());
    if (context.builder->cannot_run(context.device).empty())
      return {};  // it could have been chosen with --engine
    return context;
  } catch (const Error& error) {
    if (error.code().starts_with("interrupted")) throw;
    log::debug(fmt::format("No engines of TensorRT-RTX beside these: {}", error.what()));
    return {};
  }
}

/// Engines for a card that is not here: whatever becomes of them, the migration goes on.
void build_extras(Migration& migration) {
  const auto context = rtx(migration);
  if (!context) return;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    const ModelSlot& slot = migration.slots[i];
    ExtraEngine extra{slot.task_slot, context->builder->name(), {}, {}};
    try {
      engine_cache::Request request =
          predictor::deployment_request(slot.info(), *context, migration.settings);
      request.verification.progress = migration.progress_of(i);
      const auto cached_engine = engine_cache::get_or_build(migration.store, *slot.model, *context, request);
      extra.engine_id = cached_engine.manifest.id;
      extra.state = cached_engine.manifest.validation ? store::verdict(*cached_engine.manifest.validation)
                                                      : "not verified";
    } catch (const Error& error) {
      if (error.code().starts_with("interrupted")) throw;
      extra.state = error.sentence();
    }
    migration.report.extras.push_back(std::move(extra));
  }
}

}  // namespace

StepSummary build(Migration& migration) {
  int built = 0;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) built += build_one(migration, i);
  build_extras(migration);
  StepSummary summary{built > 0 ? StepResult::Verdict::passed : StepResult::Verdict::still_valid, {}};
  summary.sentence =
      fmt::format("{} built, {} still there", built, static_cast<int>(migration.slots.size()) - built);
  const auto& extras = migration.report.extras;
  if (!extras.empty())
    summary.sentence +=
        fmt::format("; for another machine: {} of {} by {}, built, not run",
                    std::ranges::count_if(extras, [](const auto& e) { return !e.engine_id.empty(); }),
                    extras.size(), extras.front().engine);
  return summary;
}

}  // namespace peregrine::migrate::steps
