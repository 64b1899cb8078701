// A backup keeps the state before a migration under the store; `migrate --rollback` restores it.
//
//   STORE/backups/N/current                what was deployed, as the store writes it
//   STORE/backups/N/engines/ID/            the engines that were: hard links where the file system allows,
//                                          copies otherwise
//   STORE/backups/N/configuration.toml     the configuration file, where there was one
//   STORE/backups/N/manifest.json          sealed, written last: a folder without it is no backup, and the
//                                          next one clears it
//   away
//
// Models are kept by path and digest, not by content: deployed engines do not need them. docs/decisions/0007
// has the reasons.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine_cache/store/store.h"
#include "tools/migrate/rollback/lock.h"

namespace peregrine::migrate {

struct ModelFile {
  Task task_slot{};
  std::filesystem::path path;
  std::string sha256;
  bool operator==(const ModelFile&) const = default;
};

struct Backup {
  int id = 0;
  std::string date;  ///< UTC, ISO 8601
  std::vector<ModelFile> models;
  std::filesystem::path configuration;       ///< where the file was; empty: none
  std::map<std::string, std::string> files;  ///< path inside the backup -> SHA-256
  store::Deployment deployment;              ///< what was deployed
};

/// One folder of backups/, readable or not.
struct BackupListing {
  int id = 0;
  std::optional<Backup> backup;
  std::string damage;  ///< why there is none
};

/// Oldest first. Takes no lock and works on read-only media. Looks at manifests only: digests are checked by
/// restore_backup().
std::vector<BackupListing> list_backups(const store::Store& store);

/// Keeps what a migration is about to change. To be called before its first change, and only when it will
/// make one: a rollback takes the newest backup. Where the newest holds just this state already, as after a
/// migration that was interrupted, that one is returned. Throws "store.damaged" when what is deployed is, and
/// "store.write"; no backup is there then. `configuration`: the file in use; empty or absent: none.
Backup make_backup(store::Store& store, const Lock& lock, std::vector<ModelFile> models,
                   const std::filesystem::path& configuration);

struct Restored {
  Backup backup;
  store::Deployment deployment;      ///< deployed now
  std::vector<std::string> engines;  ///< ids of those that came back out of the backup
  std::vector<std::string>
      sentences;  ///< what else a user should know: the configuration, models that are other files now
};

/// Puts back what a backup kept, without a number the newest: first every digest is checked, then engines
/// that are gone or are others now come back, then the configuration file where it differs (the present one
/// is kept as FILE.before-rollback), and last what is deployed changes, in one rename. Throws "store.backup"
/// (no such backup; the hint names those there are), "store.damaged", "store.write"; what is deployed is as
/// it was then. Doing it twice does no harm.
Restored restore_backup(store::Store& store, const Lock& lock, std::optional<int> id);

}  // namespace peregrine::migrate
