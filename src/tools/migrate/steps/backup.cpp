#include <fmt/format.h>

#include <algorithm>

#include "peregrine/error.h"
#include "tools/migrate/rollback/backup.h"
#include "tools/migrate/steps.h"

namespace peregrine::migrate::steps {

namespace {

/// What is deployed is what this migration wants, whole and validated: nothing will change.
bool already_there(const Migration& migration) {
  if (migration.options.force_rebuild) return false;
  const auto serving = migration.store.current().task_slots;
  return std::ranges::all_of(migration.slots, [&](const ModelSlot& slot) {
    const auto wanted = engine_cache::identity_of(*slot.model, *migration.context, slot.request);
    const auto task_slot = serving.find(slot.task_slot);
    return task_slot != serving.end() && task_slot->second.engine == store::id_of(wanted) &&
           migration.store.find(wanted).engine;
  });
}

/// What is damaged cannot be kept: under --force-rebuild the deployed engines that will be built again are,
/// before the backup.
void mend_damaged(Migration& migration) {
  const auto serving = migration.store.current().task_slots;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    const ModelSlot& slot = migration.slots[i];
    const auto wanted = engine_cache::identity_of(*slot.model, *migration.context, slot.request);
    const auto task_slot = serving.find(slot.task_slot);
    if (task_slot == serving.end() || task_slot->second.engine != store::id_of(wanted)) continue;
    try {
      migration.store.verify_integrity(task_slot->second.engine);
    } catch (const Error& error) {
      if (error.code() != "store.damaged") throw;
      engine_cache::Request request = slot.request;
      request.rebuild = true;
      request.keep_old = !migration.options.unverified;
      request.verification = migration.verification(i);
      (void)engine_cache::get_or_build(migration.store, *slot.model, *migration.context, request);
    }
  }
}

}  // namespace

StepSummary backup(Migration& migration) {
  migration.tell(0, "keeping what is deployed");
  if (migration.options.force_rebuild) mend_damaged(migration);
  if (already_there(migration)) return {StepResult::Verdict::still_valid, "what is deployed stays as it is"};
  const auto backups = list_backups(migration.store);
  if (std::ranges::count(backups, migration.journal.backup, &BackupListing::id) > 0) {
    migration.report.backup = migration.journal.backup;
    return {StepResult::Verdict::still_valid,
            fmt::format("backup {} is from before this --force-rebuild", migration.journal.backup)};
  }
  std::vector<ModelFile> files;
  for (const ModelSlot& slot : migration.slots)
    files.push_back({slot.task_slot, std::filesystem::absolute(slot.path), slot.info().sha256});
  const int before = backups.empty() ? 0 : backups.back().id;
  const Backup kept =
      make_backup(migration.store, *migration.lock, std::move(files), migration.options.config);
  migration.report.backup = kept.id;
  if (migration.options.force_rebuild) migration.journal.backup = kept.id;
  return {kept.id == before ? StepResult::Verdict::still_valid : StepResult::Verdict::passed,
          fmt::format("backup {}: {}; `peregrine migrate --rollback {}` puts it back", kept.id,
                      kept.deployment.task_slots.empty()
                          ? "nothing was deployed"
                          : fmt::format("{} deployed engines", kept.deployment.task_slots.size()),
                      kept.id)};
}

}  // namespace peregrine::migrate::steps
