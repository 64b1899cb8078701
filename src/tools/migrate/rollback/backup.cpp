#include "tools/migrate/rollback/backup.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/os/crash_point.h"
#include "core/text.h"
#include "engine_cache/store/files.h"
#include "engine_cache/store/json_envelope.h"
#include "peregrine/error.h"

namespace peregrine::migrate {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* manifest_name = "manifest.json";
constexpr const char* deployment_name = "current";
constexpr const char* configuration_name = "configuration.toml";
constexpr const char* other_backup =
    "Nothing was changed. Put another backup back: `peregrine migrate --rollback ID`; `peregrine migrate "
    "--list-backups` lists them.";

fs::path folder_of_all(const store::Store& store) { return store.root() / "backups"; }
fs::path folder_of(const store::Store& store, int id) { return folder_of_all(store) / std::to_string(id); }

std::string write_manifest(const Backup& backup) {
  json models = json::array();
  for (const ModelFile& model : backup.models)
    models.push_back(
        {{"role", to_string(model.task_slot)}, {"path", model.path.native()}, {"sha256", model.sha256}});
  return store::json_to_envelope({{"id", backup.id},
                                  {"date", backup.date},
                                  {"models", std::move(models)},
                                  {"configuration", backup.configuration.native()},
                                  {"files", backup.files}});
}

Task task_of(const std::string& name, const std::string& where) {
  const std::optional<Task> task = parse_task(name);
  if (!task) store::throw_damaged(where, "it names the role " + printable(name), other_backup);
  return *task;
}

/// The manifest and what was deployed; throws "store.missing" where the folder holds no backup.
Backup read_backup(const store::Store& store, int id) {
  const fs::path folder = folder_of(store, id), file = folder / manifest_name;
  const std::string where = printable(file.native());
  const auto text = store::read_if_exists(file);
  if (!text) throw Error("store.missing", fmt::format("{} holds no backup.", printable(folder.native())));
  const json content = store::json_from_envelope(*text, where, other_backup);
  Backup backup;
  try {
    backup = {.id = content.at("id"),
              .date = content.at("date"),
              .models = {},
              .configuration = content.at("configuration").get<std::string>(),
              .files = content.at("files"),
              .deployment = {}};
    for (const json& model : content.at("models"))
      backup.models.push_back(
          {task_of(model.at("role"), where), model.at("path").get<std::string>(), model.at("sha256")});
  } catch (const json::exception& error) {
    store::throw_damaged(where, error.what(), other_backup);
  }
  const auto deployment = store::read_if_exists(folder / deployment_name);
  if (!deployment)
    store::throw_damaged(printable((folder / deployment_name).native()), "it is gone", other_backup);
  backup.deployment = store::read_deployment(*deployment, printable((folder / deployment_name).native()));
  return backup;
}

/// The first file that has not the digest that the manifest says; empty where all have.
fs::path damaged_file(const store::Store& store, const Backup& backup) {
  for (const auto& [name, sha256] : backup.files)
    if (fs::path file = folder_of(store, backup.id) / name; store::digest_of(file) != sha256) return file;
  return {};
}

/// Folders with a number, rising; whether they hold a backup or were left by a process that died.
std::vector<int> numbered_folders(const store::Store& store) {
  std::vector<int> numbers;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder_of_all(store), absent)) {
    const std::string name = entry.path().filename().native();
    int number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size() && number > 0) numbers.push_back(number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

bool has_envelope(const store::Store& store, int id) {
  return fs::exists(folder_of(store, id) / manifest_name);
}

/// Puts what is there now into the backup's folder; fills in `files`.
void keep_files(store::Store& store, Backup& backup) {
  const fs::path folder = folder_of(store, backup.id);
  store::make_folders(folder);
  store::replace_file(folder / deployment_name, store::write_deployment(backup.deployment));
  for (const auto& [task, service] : backup.deployment.task_slots)
    store.link_out(service.engine, folder / "engines" / service.engine);
  if (!backup.configuration.empty())
    store::replace_file(folder / configuration_name,
                        store::read_if_exists(backup.configuration).value_or(""));
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      backup.files[entry.path().lexically_relative(folder).native()] = *store::digest_of(entry.path());
}

/// Both keep the same state: of what is deployed, of the engines' and configuration's bytes, of the models.
bool same_state(const Backup& left, const Backup& right) {
  return left.models == right.models && left.configuration == right.configuration &&
         left.files == right.files;
}

const BackupListing& choose(const std::vector<BackupListing>& all, std::optional<int> id,
                            const store::Store& store) {
  const auto chosen =
      id ? std::ranges::find(all, *id, &BackupListing::id) : (all.empty() ? all.end() : all.end() - 1);
  if (chosen != all.end()) return *chosen;
  std::vector<int> numbers;
  numbers.reserve(all.size());
  for (const BackupListing& listing : all) numbers.push_back(listing.id);
  const std::string wanted = id ? fmt::format("There is no backup {}", *id) : "There is no backup";
  throw Error("store.backup", fmt::format("{} in the store {}.", wanted, printable(store.root().native())),
              numbers.empty() ? "`peregrine migrate` makes one before its first change."
                              : fmt::format("Kept are: {}.", fmt::join(numbers, ", ")));
}

/// In words, what became of the configuration file; empty where it is as it was.
std::string restore_configuration(const store::Store& store, const Backup& backup) {
  if (backup.configuration.empty()) return "";
  const fs::path copy = folder_of(store, backup.id) / configuration_name;
  const std::string name = printable(backup.configuration.native());
  const std::string kept = store::read_if_exists(copy).value_or("");
  try {
    const auto present = store::read_if_exists(backup.configuration);
    if (present == kept) return "";
    if (!present) {
      store::replace_file(backup.configuration, kept);
      return fmt::format("The configuration {} was gone and is back.", name);
    }
    fs::path aside = backup.configuration;
    aside += ".before-rollback";
    store::replace_file(aside, *present);
    store::replace_file(backup.configuration, kept);
    return fmt::format("The configuration {} is as it was; what it had become is kept in {}.", name,
                       printable(aside.native()));
  } catch (const Error& error) {  // a read-only folder is no reason to leave the wrong deployed engines
    return fmt::format("The configuration is not put back: {} Its copy is {}.", error.sentence(),
                       printable(copy.native()));
  }
}

/// In words, each model that is not the file any more that it was.
std::vector<std::string> changed_models(const Backup& backup) {
  std::vector<std::string> sentences;
  for (const ModelFile& model : backup.models) {
    const auto digest = store::digest_of(model.path);
    if (digest == model.sha256) continue;
    sentences.push_back(
        fmt::format("The {} model {} {} since the backup (SHA-256 {}). Engines deployed run without it; to "
                    "work with that model "
                    "otherwise, put the file back.",
                    to_string(model.task_slot), printable(model.path.native()),
                    digest ? "has changed" : "has gone", model.sha256));
  }
  return sentences;
}

}  // namespace

std::vector<BackupListing> list_backups(const store::Store& store) {
  std::vector<BackupListing> all;
  for (int id : numbered_folders(store)) {
    if (!has_envelope(store, id)) continue;
    BackupListing listing{.id = id, .backup = {}, .damage = {}};
    try {
      listing.backup = read_backup(store, id);
    } catch (const Error& error) {
      listing.damage = error.sentence();
    }
    all.push_back(std::move(listing));
  }
  return all;
}

Backup make_backup(store::Store& store, const Lock&, std::vector<ModelFile> models,
                   const fs::path& configuration) {
  for (int id : numbered_folders(store))
    if (!has_envelope(store, id)) store::remove_folder(folder_of(store, id));
  const auto kept = list_backups(store);
  Backup backup{.id = kept.empty() ? 1 : kept.back().id + 1,
                .date = store::utc_now(),
                .models = std::move(models),
                .configuration = {},
                .files = {},
                .deployment = store.current()};
  for (ModelFile& model : backup.models) model.path = fs::absolute(model.path);
  if (fs::exists(configuration))
    backup.configuration = fs::canonical(configuration);  // not the link, should it be one
  try {
    keep_files(store, backup);
  } catch (const Error&) {
    store::remove_folder(folder_of(store, backup.id));
    throw;
  }
  if (!kept.empty())
    if (const auto& newest = kept.back().backup;
        newest && same_state(*newest, backup) && damaged_file(store, *newest).empty()) {
      store::remove_folder(folder_of(store, backup.id));
      return *newest;
    }
  crash_point("backup.files_kept");
  store::replace_file(folder_of(store, backup.id) / manifest_name, write_manifest(backup));
  return backup;
}

Restored restore_backup(store::Store& store, const Lock&, std::optional<int> id) {
  const auto all = list_backups(store);
  const BackupListing& chosen = choose(all, id, store);
  if (!chosen.backup) throw Error("store.damaged", chosen.damage, other_backup);
  Restored restored{.backup = *chosen.backup, .deployment = {}, .engines = {}, .sentences = {}};
  if (const fs::path file = damaged_file(store, restored.backup); !file.empty())
    store::throw_damaged(printable(file.native()), fs::exists(file) ? "its digest differs" : "it is gone",
                         other_backup);
  crash_point("restore.verified");
  for (const auto& [task, service] : restored.backup.deployment.task_slots)
    if (store.bring_back(folder_of(store, chosen.id) / "engines" / service.engine))
      restored.engines.push_back(service.engine);
  crash_point("restore.engines_back");
  if (std::string sentence = restore_configuration(store, restored.backup); !sentence.empty())
    restored.sentences.push_back(std::move(sentence));
  crash_point("restore.configuration_back");
  restored.deployment = store.serve(restored.backup.deployment.task_slots);
  crash_point("restore.switched");
  std::ranges::move(changed_models(restored.backup), std::back_inserter(restored.sentences));
  return restored;
}

}  // namespace peregrine::migrate
