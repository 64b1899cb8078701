// What is in service, and the generations before it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/crash_point.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/store/engine_folder.h"
#include "engine/store/files.h"
#include "engine/store/sealed_json.h"
#include "engine/store/store.h"
#include "peregrine/error.h"

namespace peregrine::store {

namespace {

namespace fs = std::filesystem;

constexpr std::array all_tasks{Task::detect, Task::pose, Task::segment, Task::reid};

std::optional<Generation> read_generation_file(const fs::path& file) {
  const auto text = read_if_exists(file);
  if (!text) return std::nullopt;
  return read_generation(*text, printable(file.native()));
}

}  // namespace

std::string write_generation(const Generation& generation) {
  nlohmann::json roles = nlohmann::json::object();
  for (const auto& [task, service] : generation.roles)
    roles[to_string(task)] = {{"engine", service.engine}, {"unverified", service.unverified}};
  return seal_json({{"number", generation.number}, {"since", generation.since}, {"roles", roles}});
}

Generation read_generation(std::string_view text, const std::string& where) {
  const nlohmann::json json = unseal_json(text, where, mend_service);
  try {
    Generation generation{.number = json.at("number"), .since = json.at("since"), .roles = {}};
    for (Task task : all_tasks)
      if (const auto role = json.at("roles").find(to_string(task)); role != json.at("roles").end())
        generation.roles[task] = {.engine = role->at("engine"), .unverified = role->at("unverified")};
    return generation;
  } catch (const nlohmann::json::exception& error) {
    throw_damaged(where, error.what(), mend_service);
  }
}

Generation Store::current() const { return read_generation_file(root_ / "current").value_or(Generation{}); }

std::vector<Generation> Store::generations() const {
  int limit = std::numeric_limits<int>::max();
  try {
    limit = current().number;  // a switch that died half-way has kept a copy of what is still current
  } catch (const Error& error) {
    if (error.code() != "store.damaged") throw;
  }
  std::vector<Generation> kept;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(root_ / "generations", absent)) {
    if (entry.path().extension() != ".json") continue;
    try {
      if (auto generation = read_generation_file(entry.path()); generation && generation->number < limit)
        kept.push_back(std::move(*generation));
    } catch (const Error& error) {
      log::warning(error.sentence());
    }
  }
  std::ranges::sort(kept, {}, &Generation::number);
  return kept;
}

std::optional<int> Store::generation_naming(const std::string& id) const {
  for (const Generation& generation : generations())
    for (const auto& [task, service] : generation.roles)
      if (service.engine == id) return generation.number;
  return std::nullopt;
}

Generation Store::switch_to(std::map<Task, InService> roles) const {
  const fs::path file = root_ / "current";
  int last = 0;
  try {
    if (const Generation old = current(); old.number > 0) {
      replace_file(root_ / "generations" / fmt::format("{}.json", old.number), write_generation(old));
      last = old.number;
      crash_point("service.generation_kept");
    }
  } catch (const Error& error) {
    if (error.code() != "store.damaged") throw;
    // What cannot be read cannot be kept as a generation; it is set aside as it is.
    replace_file(root_ / "current.damaged", read_if_exists(file).value_or(""));
    if (const auto kept = generations(); !kept.empty()) last = kept.back().number;
  }
  Generation next{.number = last + 1, .since = utc_now(), .roles = std::move(roles)};
  replace_file(file, write_generation(next));
  return next;
}

Generation Store::use(const std::vector<std::string>& ids, Trust trust) {
  prepare();
  const FileLock lock(root_ / "lock");
  std::map<Task, InService> given;
  for (const std::string& id : ids) {
    const Manifest manifest = read_engine_folder(engine_folder(resolve(id))).manifest;
    const std::string name = fmt::format("Engine {} ({})", manifest.id, printable(manifest.model.name));
    if (trust == Trust::verified) require_validation(manifest, name, manifest.validation ? manifest.validation->driver : "");
    if (!given.emplace(manifest.model.task, InService{manifest.id, trust == Trust::unverified}).second)
      throw Error("store.role",
                  fmt::format("{} is the second one for the role {}.", name, to_string(manifest.model.task)),
                  "Name one engine for each role.");
  }
  std::map<Task, InService> roles = current().roles;
  for (auto& [task, service] : given) roles[task] = std::move(service);
  return switch_to(std::move(roles));
}

Generation Store::serve(const std::map<Task, InService>& roles) {
  prepare();
  const FileLock lock(root_ / "lock");
  for (const auto& [task, service] : roles) read_engine_folder(engine_folder(resolve(service.engine)));
  try {
    if (Generation now = current(); now.roles == roles) return now;
  } catch (const Error& error) {
    if (error.code() != "store.damaged") throw;
  }
  return switch_to(roles);
}

Generation Store::restore(std::optional<int> number) {
  prepare();
  const FileLock lock(root_ / "lock");
  const std::vector<Generation> kept = generations();
  const auto chosen =
      number ? std::ranges::find(kept, *number, &Generation::number) : (kept.empty() ? kept.end() : kept.end() - 1);
  if (chosen == kept.end()) {
    std::vector<int> numbers;
    numbers.reserve(kept.size());
    for (const Generation& generation : kept) numbers.push_back(generation.number);
    const std::string wanted = number ? fmt::format("There is no generation {}", *number) : "No earlier generation is kept";
    throw Error("store.generation", fmt::format("{} in the store {}.", wanted, printable(root_.native())),
                numbers.empty() ? "Put engines into service with `peregrine engines use ID`."
                                : fmt::format("Kept are: {}.", fmt::join(numbers, ", ")));
  }
  for (const auto& [task, service] : chosen->roles) read_engine_folder(engine_folder(resolve(service.engine)));
  return switch_to(chosen->roles);
}

}  // namespace peregrine::store
