#include <fmt/format.h>

#include <algorithm>

#include "migrate/steps.h"
#include "peregrine/error.h"

namespace peregrine::migrate::steps {

namespace {

/// Whole, of this machine, validated, and it starts. Throws what is wrong with it.
void require_good(const Migration& migration, const std::string& id, store::Trust trust) {
  const provision::EngineChoice& choice = *migration.choice;
  const store::Manifest manifest = migration.store.show(id);
  if (manifest.identity.engine != choice.builder->name()) return migration.store.verify_integrity(id);
  const store::Loaded kept = provision::load(migration.store, id, choice, trust);
  if (choice.builder->cannot_run(choice.device).empty()) (void)choice.builder->load(kept.plan, choice.device);
}

bool in_store(const store::Store& store, const std::string& id) {
  return std::ranges::count(store.list(), id, &store::Listing::id) > 0;
}

}  // namespace

StepOutcome existing_engines(Migration& migration) {
  std::string bad;
  int good = 0, absent = 0;
  const auto judge = [&](const std::string& what, const std::string& id, store::Trust trust) {
    try {
      require_good(migration, id, trust);
      ++good;
    } catch (const Error& error) {
      bad += fmt::format("{}{}: {}", bad.empty() ? "" : " ", what, error.sentence());
    }
  };
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    Slot& slot = migration.slots[i];
    migration.progress_of(i)(0, "looking for its engine");
    const auto wanted = provision::identity_of(*slot.model, *migration.choice, slot.request);
    const auto found = migration.store.find(wanted, slot.info().name);
    if (!found.engine) {
      if (in_store(migration.store, store::id_of(wanted)))
        bad += fmt::format("{}{}: {}", bad.empty() ? "" : " ", title(slot), found.why);
      else
        ++absent;
      continue;
    }
    slot.manifest = found.engine;
    migration.describe(i);
    judge(title(slot), found.engine->id, store::Trust::verified);
  }
  const store::Generation current = migration.store.current();
  migration.report.generation = current.number;
  for (const auto& [role, service] : current.roles)
    judge(fmt::format("in service for {}", to_string(role)), service.engine,
          service.unverified ? store::Trust::unverified : store::Trust::verified);
  if (!bad.empty()) throw Error("validation.engines", bad, "`peregrine migrate --force-rebuild` builds them anew.");
  return {StepResult::Verdict::passed,
          fmt::format("{}{}", good > 0 ? fmt::format("{} engines are whole and validated", good) : "none built yet",
                      good > 0 && absent > 0 ? fmt::format(", {} not built yet", absent) : std::string())};
}

}  // namespace peregrine::migrate::steps
