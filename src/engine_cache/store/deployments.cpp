// What is deployed, and the deployments before it.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/log.h"
#include "core/os/crash_point.h"
#include "core/task/task_traits.h"
#include "core/text.h"
#include "engine_cache/store/engine_folder.h"
#include "engine_cache/store/files.h"
#include "engine_cache/store/json_envelope.h"
#include "engine_cache/store/store.h"
#include "peregrine/error.h"

namespace peregrine::store {

namespace {

namespace fs = std::filesystem;

std::optional<Deployment> read_deployment_file(const fs::path& file) {
  const auto text = read_if_exists(file);
  if (!text) return std::nullopt;
  return read_deployment(*text, printable(file.native()));
}

}  // namespace

std::string write_deployment(const Deployment& deployment) {
  nlohmann::json task_slots = nlohmann::json::object();
  for (const auto& [task, service] : deployment.task_slots)
    task_slots[to_string(task)] = {{"engine", service.engine}, {"unverified", service.unverified}};
  return json_to_envelope(
      {{"number", deployment.number}, {"since", deployment.since}, {"roles", task_slots}});
}

Deployment read_deployment(std::string_view text, const std::string& where) {
  const nlohmann::json json = json_from_envelope(text, where, mend_service);
  try {
    Deployment deployment{.number = json.at("number"), .since = json.at("since"), .task_slots = {}};
    for (const TaskTraits& traits : all_tasks())
      if (const auto task_slot = json.at("roles").find(traits.name); task_slot != json.at("roles").end())
        deployment.task_slots[traits.task] = {.engine = task_slot->at("engine"),
                                              .unverified = task_slot->at("unverified")};
    return deployment;
  } catch (const nlohmann::json::exception& error) {
    throw_damaged(where, error.what(), mend_service);
  }
}

Deployment Store::current() const { return read_deployment_file(root_ / "current").value_or(Deployment{}); }

std::vector<Deployment> Store::deployments() const {
  int limit = std::numeric_limits<int>::max();
  try {
    limit = current().number;  // a switch that died half-way has kept a copy of what is still current
  } catch (const Error& error) {
    if (error.code() != "store.damaged") throw;
  }
  std::vector<Deployment> kept;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(root_ / "generations", absent)) {
    if (entry.path().extension() != ".json") continue;
    try {
      if (auto deployment = read_deployment_file(entry.path()); deployment && deployment->number < limit)
        kept.push_back(std::move(*deployment));
    } catch (const Error& error) {
      log::warning(error.sentence());
    }
  }
  std::ranges::sort(kept, {}, &Deployment::number);
  return kept;
}

std::optional<int> Store::deployment_naming(const std::string& id) const {
  for (const Deployment& deployment : deployments())
    for (const auto& [task, service] : deployment.task_slots)
      if (service.engine == id) return deployment.number;
  return std::nullopt;
}

Deployment Store::switch_to(std::map<Task, DeployedEngine> task_slots) const {
  const fs::path file = root_ / "current";
  int last = 0;
  try {
    if (const Deployment old = current(); old.number > 0) {
      replace_file(root_ / "generations" / fmt::format("{}.json", old.number), write_deployment(old));
      last = old.number;
      crash_point("service.generation_kept");
    }
  } catch (const Error& error) {
    if (error.code() != "store.damaged") throw;
    // What cannot be read cannot be kept as a deployment; it is set aside as it is.
    replace_file(root_ / "current.damaged", read_if_exists(file).value_or(""));
    if (const auto kept = deployments(); !kept.empty()) last = kept.back().number;
  }
  Deployment next{.number = last + 1, .since = utc_now(), .task_slots = std::move(task_slots)};
  replace_file(file, write_deployment(next));
  return next;
}

Deployment Store::use(const std::vector<std::string>& ids, Trust trust) {
  prepare();
  const FileLock lock(root_ / "lock");
  std::map<Task, DeployedEngine> given;
  for (const std::string& id : ids) {
    const Manifest manifest = read_engine_folder(engine_folder(resolve(id))).manifest;
    const std::string name = fmt::format("Engine {} ({})", manifest.id, printable(manifest.model.name));
    if (trust == Trust::verified)
      require_validation(manifest, name, manifest.validation ? manifest.validation->driver : "");
    if (!given.emplace(manifest.model.task, DeployedEngine{manifest.id, trust == Trust::unverified}).second)
      throw Error(
          "store.role",
          fmt::format("{} is the second one for the task slot {}.", name, to_string(manifest.model.task)),
          "Name one engine for each task slot.");
  }
  std::map<Task, DeployedEngine> task_slots = current().task_slots;
  for (auto& [task, service] : given) task_slots[task] = std::move(service);
  return switch_to(std::move(task_slots));
}

Deployment Store::serve(const std::map<Task, DeployedEngine>& task_slots) {
  prepare();
  const FileLock lock(root_ / "lock");
  for (const auto& [task, service] : task_slots) read_engine_folder(engine_folder(resolve(service.engine)));
  try {
    if (Deployment now = current(); now.task_slots == task_slots) return now;
  } catch (const Error& error) {
    if (error.code() != "store.damaged") throw;
  }
  return switch_to(task_slots);
}

Deployment Store::restore(std::optional<int> number) {
  prepare();
  const FileLock lock(root_ / "lock");
  const std::vector<Deployment> kept = deployments();
  const auto chosen = number ? std::ranges::find(kept, *number, &Deployment::number)
                             : (kept.empty() ? kept.end() : kept.end() - 1);
  if (chosen == kept.end()) {
    std::vector<int> numbers;
    numbers.reserve(kept.size());
    for (const Deployment& deployment : kept) numbers.push_back(deployment.number);
    const std::string wanted =
        number ? fmt::format("There is no deployment {}", *number) : "No earlier deployment is kept";
    throw Error("store.generation", fmt::format("{} in the store {}.", wanted, printable(root_.native())),
                numbers.empty() ? "Deploy engines with `peregrine engines use ID`."
                                : fmt::format("Kept are: {}.", fmt::join(numbers, ", ")));
  }
  for (const auto& [task, service] : chosen->task_slots)
    read_engine_folder(engine_folder(resolve(service.engine)));
  return switch_to(chosen->task_slots);
}

}  // namespace peregrine::store
