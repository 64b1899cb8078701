#include "engine_cache/store/engine_folder.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "core/os/crash_point.h"
#include "core/sha256.h"
#include "core/text.h"
#include "engine_cache/store/files.h"
#include "engine_cache/store/json_envelope.h"
#include "peregrine/error.h"

namespace peregrine::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* manifest_name = "manifest.json";

/// Named after its digest, so that a new plan never touches the one in use.
std::string plan_name(const Manifest& manifest) {
  return fmt::format("plan-{}.bin", manifest.plan_sha256.substr(0, 16));
}

Plan to_plan(const EngineIdentity& identity, std::string_view text) {
  Plan plan{.engine = identity.engine,
            .precision = identity.precision,
            .library_versions = identity.library_versions,
            .device_name = identity.device_name,
            .bytes = {}};
  plan.bytes.resize(text.size());
  std::memcpy(plan.bytes.data(), text.data(), text.size());
  return plan;
}

}  // namespace

bool has_manifest(const fs::path& folder) { return fs::exists(folder / manifest_name); }

Manifest read_manifest_of(const fs::path& folder) {
  const fs::path file = folder / manifest_name;
  const auto text = read_if_exists(file);
  if (!text)
    throw Error("store.missing", fmt::format("{} holds no engine.", printable(folder.native())),
                "Give a model's file, or make an engine there: `peregrine build MODEL --out FOLDER`.");
  return read_manifest(*text, printable(file.native()));
}

bool has_plan(const fs::path& folder, const Manifest& manifest) {
  std::error_code absent;
  const auto size = fs::file_size(folder / plan_name(manifest), absent);
  return !absent && size == manifest.plan_bytes;
}

LoadedEngine read_engine_folder(const fs::path& folder) {
  Manifest manifest = read_manifest_of(folder);
  auto plan = read_if_exists(folder / plan_name(manifest));
  if (!plan) {  // replaced by another process since its manifest was read
    manifest = read_manifest_of(folder);
    plan = read_if_exists(folder / plan_name(manifest));
  }
  const std::string where = printable((folder / plan_name(manifest)).native());
  if (!plan) throw_damaged(where, "it is gone", mend_engine);
  if (plan->size() != manifest.plan_bytes)
    throw_damaged(where, fmt::format("it has {} bytes of {}", plan->size(), manifest.plan_bytes),
                  mend_engine);
  if (sha256_hex(*plan) != manifest.plan_sha256) throw_damaged(where, "its digest differs", mend_engine);
  Plan bytes = to_plan(manifest.identity, *plan);
  return {std::move(manifest), std::move(bytes)};
}

void write_engine_folder(const fs::path& folder, const Manifest& manifest, std::span<const std::byte> plan) {
  make_folders(folder);
  try {
    replace_file(folder / plan_name(manifest), plan);
    crash_point("engine.plan_written");
    replace_manifest(folder, manifest);
  } catch (const Error&) {
    clear_engine_folder(folder);
    throw;
  }
  clear_engine_folder(folder);
}

void link_engine_folder(const fs::path& from, const fs::path& to) {
  const std::string plan = plan_name(read_engine_folder(from).manifest);
  make_folders(to);
  link_or_copy_file(from / plan, to / plan);
  crash_point("engine.plan_written");
  link_or_copy_file(from / manifest_name, to / manifest_name);
  clear_engine_folder(to);
}

void replace_manifest(const fs::path& folder, const Manifest& manifest) {
  replace_file(folder / manifest_name, write_manifest(manifest));
}

void clear_engine_folder(const fs::path& folder) {
  if (!has_manifest(folder)) return remove_folder(folder);
  std::string named;
  try {
    named = plan_name(read_manifest_of(folder));
  } catch (const Error&) {
    return;  // a damaged engine keeps all it has until it is built again
  }
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != manifest_name && entry.path().filename() != named)
      leftovers.push_back(entry.path());
  for (const fs::path& file : leftovers) remove_file(file);
}

void remove_engine_folder(const fs::path& folder) {
  remove_file(folder / manifest_name);  // from here on there is no engine, only files to clear away
  remove_folder(folder);
}

void require_validation(const Manifest& manifest, const std::string& name, const std::string& driver) {
  const auto refuse = [&](const std::string& why) {
    throw Error("store.unverified", fmt::format("{} {}.", name, why),
                fmt::format("`peregrine engines verify {} --model FILE` compares it with the FP32 reference; "
                            "--unverified uses it all the same.",
                            manifest.id));
  };
  if (!manifest.validation) refuse("has no validation record");
  if (!manifest.validation->passed()) refuse("did not pass its validation: " + verdict(*manifest.validation));
  if (manifest.validation->driver != driver)
    refuse(fmt::format("was validated under driver {}, this machine has {}", manifest.validation->driver,
                       driver));
}

}  // namespace peregrine::store
