#include <fmt/format.h>

#include <algorithm>

#include "peregrine/error.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

StepSummary switch_over(Migration& migration) {
  migration.tell(0, "putting the engines into service");
  for (const ModelSlot& slot : migration.slots) require_unchanged(slot);
  const store::Deployment before = migration.store.current();
  std::vector<std::string> ids;
  for (const ModelSlot& slot : migration.slots) ids.push_back(slot.manifest->id);
  migration.report.deployment = before.number;
  const bool there = std::ranges::all_of(migration.slots, [&](const ModelSlot& slot) {
    const auto task_slot = before.task_slots.find(slot.task_slot);
    return task_slot != before.task_slots.end() && task_slot->second.engine == slot.manifest->id &&
           task_slot->second.unverified == migration.options.unverified;
  });
  if (there)
    return {StepResult::Verdict::still_valid,
            fmt::format("deployment {} serves them already", before.number)};
  if (migration.options.confirm && !migration.options.confirm(migration.report))
    throw Error("interrupted.declined", "Not switched over: what was deployed stays deployed.",
                "The engines are kept; the same command goes on from here.");
  const auto trust = migration.options.unverified ? store::Trust::unverified : store::Trust::verified;
  const store::Deployment now = migration.store.use(ids, trust);
  migration.report.deployment = now.number;
  return {StepResult::Verdict::passed,
          fmt::format("deployment {} is deployed: {} task slots", now.number, now.task_slots.size())};
}

}  // namespace peregrine::migrate::steps
