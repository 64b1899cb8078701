// The store keeps engines on disk and records which of them are deployed.
//
//   STORE/format                  "peregrine store 1"; a store of a newer version is left alone
//   STORE/engines/ID/manifest.json, plan-DIGEST.bin
//   STORE/current                 the deployment: which engine has which task slot
//   STORE/generations/N.json      earlier deployments
//   STORE/backups/N/              what `migrate` found before its first change
//                                 (src/tools/migrate/rollback/backup.h)
//   STORE/locks/ID, STORE/lock    locks (flock): engines, deployment; locks/migrate: a migration
//
// Every change ends in one rename: the manifest's, which makes its engine appear, or current's. A process
// that dies before it leaves the store as it was, and files that the next change clears away. Files are
// synced before they are renamed. Reading takes no lock and works on read-only media.
//
// Errors, all of family "store": version (written by a newer peregrine), foreign (a folder that is no store),
// damaged, missing, ambiguous (several engines match), stale, unverified, busy, in_use, generation, role,
// read, write.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine_cache/store/manifest.h"

namespace peregrine::store {

/// What an engine depends on in the machine: Builder::library_versions(), Builder::device_name() and the
/// driver.
struct BuildEnvironment {
  std::string library_versions, device_name, driver;
};

enum class Trust : std::uint8_t {
  verified,   ///< only engines whose validation record holds, under this driver
  unverified  ///< any engine that is intact and fits the machine (--unverified)
};

/// An engine that is not in the store yet.
struct StagedEngine {
  Plan plan;
  ModelInfo model{};
  Precision effective_precision = Precision::fp32;
  double build_seconds = 0;
  std::optional<ValidationRecord> validation{};
};

struct LoadedEngine {
  Manifest manifest;
  Plan plan;
};

/// What a search found.
struct Found {
  std::optional<Manifest> engine;  ///< fits, or fits but for the driver
  bool verify_again = false;       ///< it was validated under another driver
  std::string why;  ///< without engine: which part of the nearest one differs; empty where there is none
};

/// One folder of engines/, readable or not.
struct Listing {
  std::string id;
  std::optional<Manifest> manifest;
  std::string damage;  ///< why there is no manifest
};

struct DeployedEngine {
  std::string engine;       ///< id
  bool unverified = false;  ///< deployed with --unverified, and so served
  bool operator==(const DeployedEngine&) const = default;
};

/// A deployment: which engine has which task slot since when.
struct Deployment {
  int number = 0;
  std::string since;  ///< UTC, ISO 8601
  std::map<Task, DeployedEngine> task_slots;
};

class Store {
 public:
  /// The folder need not exist: it is made by the first change. Throws "store.version" or "store.foreign".
  explicit Store(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return root_; }
  /// Makes the store's folders where they are missing, as every change does first. Throws "store.write".
  void prepare() const;

  // Engines. Where an id is asked for, its first digits do, when they are enough.

  std::vector<Listing> list() const;
  Manifest show(const std::string& id) const;
  /// Looks for the wanted engine; a damaged one counts as absent. `model_name`: engines of a model file of
  /// that name are explained too, when the file is another one now.
  Found find(const EngineIdentity& wanted, const std::string& model_name = {}) const;

  /// Gets the engine from the store, or builds it: of two processes that request the same engine one builds
  /// it, and the other waits (`waiting` is called) and takes it. `rebuild` builds in any case; the old engine
  /// stays until the new one replaces it.
  Manifest get_or_build(const EngineIdentity& wanted, const std::function<StagedEngine()>& build,
                        bool rebuild = false, const std::function<void()>& waiting = {});
  void record_validation(const std::string& id, const ValidationRecord& record);

  /// Manifest and plan; the plan's digest is checked before anything else sees its bytes. Throws
  /// "store.stale" where the machine is another than the engine was built for, "store.unverified" as `trust`
  /// says.
  LoadedEngine load(const std::string& id, const BuildEnvironment& now, Trust trust) const;
  /// The plan's bytes are as the manifest says, or "store.damaged".
  void verify_integrity(const std::string& id) const;
  /// Throws "store.in_use" for an engine that is deployed, or that an earlier deployment names (unless
  /// `force`).
  void remove(const std::string& id, bool force);
  /// A copy of the engine's folder, outside the store.
  void copy_out(const std::string& id, const std::filesystem::path& folder) const;
  /// The engine's files a second time, for a backup: hard links where the file system allows.
  void link_out(const std::string& id, const std::filesystem::path& folder) const;
  /// The engine that link_out() kept is in the store again, as it was then: it may have been removed,
  /// damaged, built again or have failed a verification since. A record that still holds stays. Says whether
  /// anything had to be done.
  bool bring_back(const std::filesystem::path& folder);

  // Deployments. Each switch is one rename and keeps the deployment before it.

  /// The active deployment; number 0 without task slots where nothing is deployed.
  Deployment current() const;
  /// Kept ones, oldest first.
  std::vector<Deployment> deployments() const;
  /// Deploys engines, each in the task slot of its model; the other task slots stay. It checks all of them
  /// first (intact, and validated unless `trust` says otherwise). Returns the new deployment.
  Deployment use(const std::vector<std::string>& ids, Trust trust);
  /// Deploys exactly these engines and no other; an empty map deploys nothing. It does nothing where they are
  /// deployed already. Each engine must exist and be intact; it needs no validation record.
  Deployment serve(const std::map<Task, DeployedEngine>& task_slots);
  /// Makes an earlier deployment active again; without a number, the one before the active one.
  Deployment restore(std::optional<int> number);

 private:
  std::filesystem::path engine_folder(const std::string& id) const;
  std::string resolve(const std::string& id) const;
  /// The folder with the wanted engine's id: does it serve?
  Found evaluate(const Listing& listing, const EngineIdentity& wanted) const;
  Manifest put(const EngineIdentity& identity, const StagedEngine& staged) const;
  void clear_leftovers() const;
  Deployment switch_to(std::map<Task, DeployedEngine> task_slots) const;
  /// The deployment (current included) that names an engine; nothing where none does.
  std::optional<int> deployment_naming(const std::string& id) const;

  std::filesystem::path root_;
};

// A deployment as `current`, generations/N.json and backups keep it: JSON in a checksum envelope. Reading
// throws "store.damaged", "store.version".
std::string write_deployment(const Deployment& deployment);
Deployment read_deployment(std::string_view text, const std::string& where);

/// Loads an engine from a folder that copy_out() or `build --out` wrote; the same checks.
LoadedEngine load_folder(const std::filesystem::path& folder, const BuildEnvironment& now, Trust trust);

}  // namespace peregrine::store
