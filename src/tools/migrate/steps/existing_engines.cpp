#include <fmt/format.h>

#include <algorithm>

#include "peregrine/error.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

/// Whole, of this machine, validated, and it starts. Throws what is wrong with it.
void require_good(const Migration& migration, const std::string& id, store::Trust trust) {
  const engine_cache::EngineContext& context = *migration.context;
  const store::Manifest manifest = migration.store.show(id);
  if (manifest.identity.engine != context.builder->name()) return migration.store.verify_integrity(id);
  const store::LoadedEngine kept = engine_cache::load(migration.store, id, context, trust);
  if (context.builder->cannot_run(context.device).empty())
    (void)context.builder->load(kept.plan, context.device);
}

bool in_store(const store::Store& store, const std::string& id) {
  return std::ranges::count(store.list(), id, &store::Listing::id) > 0;
}

}  // namespace

StepSummary existing_engines(Migration& migration) {
  std::string bad;
  int good = 0, absent = 0;
  const auto evaluate = [&](const std::string& what, const std::string& id, store::Trust trust) {
    try {
      require_good(migration, id, trust);
      ++good;
    } catch (const Error& error) {
      bad += fmt::format("{}{}: {}", bad.empty() ? "" : " ", what, error.sentence());
    }
  };
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    ModelSlot& slot = migration.slots[i];
    migration.tell(i, 0, "looking for its engine");
    const auto wanted = engine_cache::identity_of(*slot.model, *migration.context, slot.request);
    const auto found = migration.store.find(wanted, slot.info().name);
    if (!found.engine) {
      if (in_store(migration.store, store::id_of(wanted)))
        bad += fmt::format("{}{}: {}", bad.empty() ? "" : " ", title(slot), found.why);
      else
        ++absent;
      engine_cache::require_supported(*slot.model, *migration.context, slot.request);
      continue;
    }
    slot.manifest = found.engine;
    migration.describe(i);
    evaluate(title(slot), found.engine->id, store::Trust::verified);
  }
  const store::Deployment current = migration.store.current();
  migration.report.deployment = current.number;
  for (const auto& [task_slot, service] : current.task_slots)
    evaluate(fmt::format("deployed for {}", to_string(task_slot)), service.engine,
             service.unverified ? store::Trust::unverified : store::Trust::verified);
  if (!bad.empty())
    throw Error("validation.engines", bad, "`peregrine migrate --force-rebuild` builds them anew.");
  return {StepResult::Verdict::passed,
          fmt::format("{}{}",
                      good > 0 ? fmt::format("{} engines are whole and validated", good) : "none built yet",
                      good > 0 && absent > 0 ? fmt::format(", {} not built yet", absent) : std::string())};
}

}  // namespace peregrine::migrate::steps
