#include "engine_cache/store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
#include "engine_cache/store/engine_folder.h"
#include "engine_cache/store/files.h"
#include "engine_cache/store/json_envelope.h"
#include "peregrine/error.h"

namespace peregrine::store {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view format_prefix = "peregrine store ";

void check_format(const fs::path& file, std::string_view text) {
  int version = 0;
  const bool known =
      text.starts_with(format_prefix) &&
      std::from_chars(text.data() + format_prefix.size(), text.data() + text.size(), version).ec ==
          std::errc();
  if (!known)
    throw_damaged(printable(file.native()), "it does not say which format the store has",
                  "Choose another store with --store.");
  if (version > format_version)
    throw Error("store.version",
                fmt::format("The store {} was written by a newer peregrine (format {}, this one knows {}).",
                            printable(file.parent_path().native()), version, format_version),
                "Update peregrine, or choose another store with --store.");
}

/// A folder in which the first change may have begun: these come before the format file. (tensorrt: what the
/// tensorrt engines keep of libraries and tactics.)
bool looks_new(const fs::path& root) {
  return std::ranges::all_of(fs::directory_iterator(root), [](const fs::directory_entry& entry) {
    return entry.path().filename() == "lock" || entry.path().filename() == "format.new" ||
           entry.path().filename() == "tensorrt";
  });
}

/// Names of the engines' folders, damaged ones included; a folder without a manifest is no engine yet.
std::vector<std::string> engine_ids(const fs::path& folder) {
  std::vector<std::string> ids;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent))
    if (has_manifest(entry.path())) ids.push_back(entry.path().filename().native());
  std::ranges::sort(ids);
  return ids;
}

/// How far a cached engine is from the wanted one: what was asked for counts before what has changed since.
std::pair<bool, std::size_t> distance(const EngineIdentity& kept, const EngineIdentity& wanted) {
  const bool asked_alike =
      kept.precision == wanted.precision && kept.input == wanted.input && kept.options == wanted.options;
  return {!asked_alike, differences(kept, wanted).size()};
}

}  // namespace

Store::Store(const fs::path& root) : root_(fs::absolute(root)) {
  if (!fs::exists(root_)) return;
  const fs::path format = root_ / "format";
  if (const auto text = read_if_exists(format))
    check_format(format, *text);
  else if (!fs::is_directory(root_) || !looks_new(root_))
    throw Error("store.foreign",
                fmt::format("{} is no store of engines: it holds other things.", printable(root_.native())),
                "Choose a store of its own with --store, or the setting STORE.");
}

fs::path Store::engine_folder(const std::string& id) const { return root_ / "engines" / id; }

void Store::prepare() const {
  make_folders(root_);
  const FileLock lock(root_ / "lock");
  if (!fs::exists(root_ / "format"))
    replace_file(root_ / "format", fmt::format("{}{}\n", format_prefix, format_version));
  for (const char* folder : {"engines", "generations", "locks"}) make_folders(root_ / folder);
}

std::string Store::resolve(const std::string& id) const {
  std::vector<std::string> matches;
  for (const std::string& known : engine_ids(root_ / "engines"))
    if (!id.empty() && known.starts_with(id)) matches.push_back(known);
  if (matches.size() == 1) return matches.front();
  if (matches.empty())
    throw Error(
        "store.missing",
        fmt::format("There is no engine {} in the store {}.", printable(id), printable(root_.native())),
        "`peregrine engines list` names those there are.");
  throw Error("store.ambiguous",
              fmt::format("Several engines begin with {}: {}.", id, fmt::join(matches, ", ")),
              "Give more digits.");
}

std::vector<Listing> Store::list() const {
  std::vector<Listing> all;
  for (const std::string& id : engine_ids(root_ / "engines")) {
    Listing listing{.id = id, .manifest = {}, .damage = {}};
    try {
      listing.manifest = read_manifest_of(engine_folder(id));
    } catch (const Error& error) {
      listing.damage = error.sentence();
    }
    all.push_back(std::move(listing));
  }
  return all;
}

Manifest Store::show(const std::string& id) const { return read_manifest_of(engine_folder(resolve(id))); }

Found Store::find(const EngineIdentity& wanted, const std::string& model_name) const {
  const std::string id = id_of(wanted);
  std::optional<Manifest> nearest;
  for (Listing& listing : list()) {
    if (listing.id == id) return evaluate(listing, wanted);
    if (!listing.manifest || listing.manifest->identity.engine != wanted.engine) continue;
    const bool same_model = listing.manifest->identity.model_sha256 == wanted.model_sha256 ||
                            (!model_name.empty() && listing.manifest->model.name == model_name);
    if (same_model &&
        (!nearest || distance(listing.manifest->identity, wanted) < distance(nearest->identity, wanted)))
      nearest = std::move(listing.manifest);
  }
  Found found;
  if (nearest)
    found.why = fmt::format("Engine {} does not serve: {}.", nearest->id,
                            fmt::join(differences(nearest->identity, wanted), "; "));
  return found;
}

Found Store::evaluate(const Listing& listing, const EngineIdentity& wanted) const {
  Found found;
  if (!listing.manifest) {
    found.why = listing.damage;
  } else if (!has_plan(engine_folder(listing.id), *listing.manifest)) {
    found.why = fmt::format("The plan of engine {} is gone or cut short.", listing.id);
  } else {
    found.engine = listing.manifest;
    const auto& validation = listing.manifest->validation;
    found.verify_again = validation && validation->ran && validation->driver != wanted.driver;
  }
  return found;
}

void Store::clear_leftovers() const {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(root_ / "engines", absent)) {
    if (const auto lock = FileLock::try_lock(root_ / "locks" / entry.path().filename()))
      clear_engine_folder(entry.path());
  }
  const auto lock = FileLock::try_lock(root_ / "lock");
  if (!lock) return;  // somebody is switching right now
  std::vector<fs::path> unfinished;
  for (const fs::path& folder : {root_, root_ / "generations"})
    for (const auto& entry : fs::directory_iterator(folder, absent))
      if (entry.path().extension() == ".new") unfinished.push_back(entry.path());
  for (const fs::path& file : unfinished) remove_file(file);
}

Manifest Store::put(const EngineIdentity& identity, const StagedEngine& staged) const {
  Manifest manifest{.id = id_of(identity),
                    .identity = identity,
                    .model = staged.model,
                    .effective_precision = staged.effective_precision,
                    .plan_sha256 = sha256_hex(staged.plan.bytes),
                    .plan_bytes = staged.plan.bytes.size(),
                    .built_at = utc_now(),
                    .build_seconds = staged.build_seconds,
                    .notes = staged.plan.notes,
                    .validation = staged.validation};
  write_engine_folder(engine_folder(manifest.id), manifest, staged.plan.bytes);
  return manifest;
}

Manifest Store::get_or_build(const EngineIdentity& wanted, const std::function<StagedEngine()>& build,
                             bool rebuild, const std::function<void()>& waiting) {
  if (!rebuild)
    if (const Found found = find(wanted); found.engine) return *found.engine;
  prepare();
  const FileLock lock(root_ / "locks" / id_of(wanted), waiting);
  if (!rebuild)
    if (const Found found = find(wanted); found.engine)
      return *found.engine;  // the one we waited for made it
  clear_leftovers();
  return put(wanted, build());
}

void Store::record_validation(const std::string& id, const ValidationRecord& record) {
  const std::string resolved = resolve(id);
  prepare();
  const FileLock lock(root_ / "locks" / resolved);
  Manifest manifest = read_manifest_of(engine_folder(resolved));
  manifest.validation = record;
  replace_manifest(engine_folder(resolved), manifest);
}

LoadedEngine Store::load(const std::string& id, const BuildEnvironment& now, Trust trust) const {
  return load_folder(engine_folder(resolve(id)), now, trust);
}

void Store::verify_integrity(const std::string& id) const { read_engine_folder(engine_folder(resolve(id))); }

void Store::copy_out(const std::string& id, const fs::path& folder) const {
  const LoadedEngine engine = read_engine_folder(engine_folder(resolve(id)));
  if (fs::exists(folder) && !has_manifest(folder) && !fs::is_empty(folder))
    throw Error("store.foreign",
                fmt::format("{} holds other things than an engine.", printable(folder.native())),
                "Choose a new folder.");
  write_engine_folder(fs::absolute(folder), engine.manifest, engine.plan.bytes);
}

void Store::link_out(const std::string& id, const fs::path& folder) const {
  const std::string resolved = resolve(id);
  const FileLock lock(root_ / "locks" / resolved);
  link_engine_folder(engine_folder(resolved), folder);
}

bool Store::bring_back(const fs::path& folder) {
  const Manifest kept = read_engine_folder(folder).manifest;
  prepare();
  const FileLock lock(root_ / "locks" / kept.id);
  try {
    const Manifest present = read_engine_folder(engine_folder(kept.id)).manifest;
    const bool holds = present.validation && present.validation->passed();
    if (present.plan_sha256 == kept.plan_sha256 && (holds || write_manifest(present) == write_manifest(kept)))
      return false;
  } catch (const Error& error) {
    if (error.code() != "store.missing" && error.code() != "store.damaged") throw;
  }
  link_engine_folder(folder, engine_folder(kept.id));
  return true;
}

void Store::remove(const std::string& id, bool force) {
  const std::string resolved = resolve(id);
  prepare();
  const auto engine_lock = FileLock::try_lock(root_ / "locks" / resolved);
  if (!engine_lock)
    throw Error("store.busy",
                fmt::format("Engine {} is being built or verified by another process.", resolved),
                "Try again when it is done.");
  const FileLock lock(root_ / "lock");
  const Deployment serving = current();
  if (std::ranges::any_of(serving.task_slots,
                          [&](const auto& task_slot) { return task_slot.second.engine == resolved; }))
    throw Error("store.in_use", fmt::format("Engine {} is deployed.", resolved),
                "Deploy another one first: `peregrine engines use ID`.");
  if (const auto number = deployment_naming(resolved); number && !force)
    throw Error(
        "store.in_use",
        fmt::format("Engine {} belongs to deployment {}, which could be restored.", resolved, *number),
        "--force removes it all the same.");
  remove_engine_folder(engine_folder(resolved));
}

LoadedEngine load_folder(const fs::path& folder, const BuildEnvironment& now, Trust trust) {
  LoadedEngine engine = read_engine_folder(folder);
  const Manifest& manifest = engine.manifest;
  const std::string name = fmt::format("Engine {} ({}, {} {})", manifest.id, printable(manifest.model.name),
                                       manifest.identity.engine, to_string(manifest.identity.precision));
  EngineIdentity here = manifest.identity;
  here.library_versions = now.library_versions;
  here.device_name = now.device_name;
  if (const auto parts = differences(manifest.identity, here); !parts.empty())
    throw Error("store.stale",
                fmt::format("{} no longer fits this machine: {}.", name, fmt::join(parts, "; ")),
                fmt::format("Build it again: `peregrine build {} --engine {}`; `peregrine engines use ID` "
                            "deploys the new one.",
                            printable(manifest.model.name), manifest.identity.engine));
  if (trust == Trust::verified) require_validation(manifest, name, now.driver);
  return engine;
}

}  // namespace peregrine::store
