#include <fmt/format.h>

#include <algorithm>

#include "migrate/backup.h"
#include "migrate/steps.h"
#include "peregrine/error.h"

namespace peregrine::migrate::steps {

namespace {

/// What is in service is what this migration wants, whole and validated: nothing will change.
bool already_there(const Migration& migration) {
  if (migration.options.force_rebuild) return false;
  const auto serving = migration.store.current().roles;
  return std::ranges::all_of(migration.slots, [&](const Slot& slot) {
    const auto wanted = provision::identity_of(*slot.model, *migration.choice, slot.request);
    const auto role = serving.find(slot.role);
    return role != serving.end() && role->second.engine == store::id_of(wanted) && migration.store.find(wanted).engine;
  });
}

/// What is damaged cannot be kept: under --force-rebuild the engines in service that will be built again are,
/// before the backup.
void mend_damaged(Migration& migration) {
  const auto serving = migration.store.current().roles;
  for (std::size_t i = 0; i < migration.slots.size(); ++i) {
    const Slot& slot = migration.slots[i];
    const auto wanted = provision::identity_of(*slot.model, *migration.choice, slot.request);
    const auto role = serving.find(slot.role);
    if (role == serving.end() || role->second.engine != store::id_of(wanted)) continue;
    try {
      migration.store.verify_integrity(role->second.engine);
    } catch (const Error& error) {
      if (error.code() != "store.damaged") throw;
      provision::Request request = slot.request;
      request.rebuild = true;
      request.keep_old = !migration.options.unverified;
      request.verification = migration.verification(i);
      (void)provision::obtain(migration.store, *slot.model, *migration.choice, request);
    }
  }
}

}  // namespace

StepOutcome backup(Migration& migration) {
  migration.tell(0, "keeping what is in service");
  if (migration.options.force_rebuild) mend_damaged(migration);
  if (already_there(migration)) return {StepResult::Verdict::still_valid, "what is in service stays as it is"};
  const auto backups = list_backups(migration.store);
  if (std::ranges::count(backups, migration.journal.backup, &BackupListing::id) > 0) {
    migration.report.backup = migration.journal.backup;
    return {StepResult::Verdict::still_valid,
            fmt::format("backup {} is from before this --force-rebuild", migration.journal.backup)};
  }
  std::vector<ModelFile> files;
  for (const Slot& slot : migration.slots) files.push_back({slot.role, std::filesystem::absolute(slot.path), slot.info().sha256});
  const int before = backups.empty() ? 0 : backups.back().id;
  const Backup kept = make_backup(migration.store, *migration.lock, std::move(files), migration.options.config);
  migration.report.backup = kept.id;
  if (migration.options.force_rebuild) migration.journal.backup = kept.id;
  return {kept.id == before ? StepResult::Verdict::still_valid : StepResult::Verdict::passed,
          fmt::format("backup {}: {}; `peregrine migrate --rollback {}` puts it back", kept.id,
                      kept.generation.roles.empty() ? "nothing was in service"
                                                    : fmt::format("{} engines in service", kept.generation.roles.size()),
                      kept.id)};
}

}  // namespace peregrine::migrate::steps
