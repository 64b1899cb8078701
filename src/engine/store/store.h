// Engines on disk, and which of them are in service.
//
//   STORE/format                  "peregrine store 1"; a store of a newer version is left alone
//   STORE/engines/ID/manifest.json, plan-DIGEST.bin
//   STORE/current                 what is in service
//   STORE/generations/N.json      what was in service before
//   STORE/backups/N/              what `migrate` found before its first change (src/migrate/backup.h)
//   STORE/locks/ID, STORE/lock    held (flock) by whoever changes an engine, or what is in service; locks/migrate: by a migration
//
// Every change ends in one rename: the manifest's, which makes its engine appear, or current's. A process that dies before
// it leaves the store as it was, and files that the next change clears away. Files are synced before they are renamed.
// Reading takes no lock and works on read-only media.
//
// Errors, all of family "store": version (written by a newer peregrine), foreign (a folder that is no store), damaged,
// missing, ambiguous (several engines match), stale, unverified, busy, in_use, generation, role, read, write.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/store/manifest.h"

namespace peregrine::store {

/// The machine as an engine meets it: from Builder::library_versions(), Builder::device_name() and the driver.
struct Environment {
  std::string library_versions, device_name, driver;
};

enum class Trust : std::uint8_t {
  verified,   ///< only engines whose validation record holds, under this driver
  unverified  ///< any engine that is intact and fits the machine (--unverified)
};

/// An engine that is not in the store yet.
struct Draft {
  Plan plan;
  ModelInfo model{};
  Precision effective_precision = Precision::fp32;
  double build_seconds = 0;
  std::optional<ValidationRecord> validation{};
};

struct Loaded {
  Manifest manifest;
  Plan plan;
};

/// What a search found.
struct Found {
  std::optional<Manifest> engine;  ///< fits, or fits but for the driver
  bool verify_again = false;       ///< it was validated under another driver
  std::string why;                 ///< without engine: which part of the nearest one differs; empty where there is none
};

/// One folder of engines/, readable or not.
struct Listing {
  std::string id;
  std::optional<Manifest> manifest;
  std::string damage;  ///< why there is no manifest
};

struct InService {
  std::string engine;       ///< id
  bool unverified = false;  ///< put into service with --unverified, and so served
  bool operator==(const InService&) const = default;
};

/// One state of what is in service.
struct Generation {
  int number = 0;
  std::string since;  ///< UTC, ISO 8601
  std::map<Task, InService> roles;
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
  /// Looks for the wanted engine; a damaged one counts as absent. `model_name`: engines of a model file of that name are
  /// explained too, when the file is another one now.
  Found find(const Identity& wanted, const std::string& model_name = {}) const;

  /// The engine, from the store or built now: two processes that want the same one build it once, and the second
  /// waits (`waiting` is told) and takes what the first made. `rebuild` builds in any case; the old engine stays
  /// until the new one takes its place.
  Manifest obtain(const Identity& wanted, const std::function<Draft()>& build, bool rebuild = false,
                  const std::function<void()>& waiting = {});
  void record_validation(const std::string& id, const ValidationRecord& record);

  /// Manifest and plan; the plan's digest is checked before anything else sees its bytes. Throws "store.stale" where
  /// the machine is another than the engine was built for, "store.unverified" as `trust` says.
  Loaded load(const std::string& id, const Environment& now, Trust trust) const;
  /// The plan's bytes are as the manifest says, or "store.damaged".
  void verify_integrity(const std::string& id) const;
  /// Throws "store.in_use" for an engine that is in service, or that a kept generation names (unless `force`).
  void remove(const std::string& id, bool force);
  /// A copy of the engine's folder, outside the store.
  void copy_out(const std::string& id, const std::filesystem::path& folder) const;
  /// The engine's files a second time, for a backup: hard links where the file system allows.
  void link_out(const std::string& id, const std::filesystem::path& folder) const;
  /// The engine that link_out() kept is in the store again, as it was then: it may have been removed, damaged, built again or
  /// have failed a verification since. A record that still holds stays. Says whether anything had to be done.
  bool bring_back(const std::filesystem::path& folder);

  // What is in service. Each switch is one rename, and keeps the state before it as a generation.

  /// Nothing in service: generation 0 without roles.
  Generation current() const;
  /// Kept ones, oldest first.
  std::vector<Generation> generations() const;
  /// Puts engines into service, each for its model's task; other roles stay. All of them are checked first (intact,
  /// validated unless `trust` says otherwise). Returns the new state.
  Generation use(const std::vector<std::string>& ids, Trust trust);
  /// Puts exactly these into service, and whatever else was out of it; none at all: nothing is in service. Does nothing where
  /// they are in service already. Each engine must be there and intact; a record of its validation is not asked for.
  Generation serve(const std::map<Task, InService>& roles);
  /// Makes a kept generation current again; without a number, the one before the current.
  Generation restore(std::optional<int> number);

 private:
  std::filesystem::path engine_folder(const std::string& id) const;
  std::string resolve(const std::string& id) const;
  /// The folder with the wanted engine's id: does it serve?
  Found judge(const Listing& listing, const Identity& wanted) const;
  Manifest put(const Identity& identity, const Draft& draft) const;
  void clear_leftovers() const;
  Generation switch_to(std::map<Task, InService> roles) const;
  /// The generation (current included) that names an engine; nothing where none does.
  std::optional<int> generation_naming(const std::string& id) const;

  std::filesystem::path root_;
};

// A generation as `current`, generations/N.json and backups keep it: sealed JSON. Reading throws "store.damaged",
// "store.version".
std::string write_generation(const Generation& generation);
Generation read_generation(std::string_view text, const std::string& where);

/// Loads an engine from a folder that copy_out() or `build --out` wrote; the same checks.
Loaded load_folder(const std::filesystem::path& folder, const Environment& now, Trust trust);

}  // namespace peregrine::store
