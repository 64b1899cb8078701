#include <fmt/format.h>

#include <algorithm>

#include "migrate/steps.h"
#include "peregrine/error.h"

namespace peregrine::migrate::steps {

StepOutcome switch_over(Migration& migration) {
  migration.tell(0, "putting the engines into service");
  for (const Slot& slot : migration.slots) require_unchanged(slot);
  const store::Generation before = migration.store.current();
  std::vector<std::string> ids;
  for (const Slot& slot : migration.slots) ids.push_back(slot.manifest->id);
  migration.report.generation = before.number;
  const bool there = std::ranges::all_of(migration.slots, [&](const Slot& slot) {
    const auto role = before.roles.find(slot.role);
    return role != before.roles.end() && role->second.engine == slot.manifest->id &&
           role->second.unverified == migration.options.unverified;
  });
  if (there) return {StepResult::Verdict::still_valid, fmt::format("generation {} serves them already", before.number)};
  if (migration.options.confirm && !migration.options.confirm(migration.report))
    throw Error("interrupted.declined", "Not switched over: what was in service stays in service.",
                "The engines are kept; the same command goes on from here.");
  const auto trust = migration.options.unverified ? store::Trust::unverified : store::Trust::verified;
  const store::Generation now = migration.store.use(ids, trust);
  migration.report.generation = now.number;
  return {StepResult::Verdict::passed, fmt::format("generation {} is in service: {} roles", now.number, now.roles.size())};
}

}  // namespace peregrine::migrate::steps
