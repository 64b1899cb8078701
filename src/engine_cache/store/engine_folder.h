// One engine's folder: manifest.json and the plan that it names. Whoever writes holds the engine's lock.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "engine_cache/store/store.h"

namespace peregrine::store {

bool has_manifest(const std::filesystem::path& folder);
/// Throws "store.missing" without one, "store.damaged", "store.version".
Manifest read_manifest_of(const std::filesystem::path& folder);
/// The plan's file is there, in the size that the manifest says. Its digest is checked when it is read.
bool has_plan(const std::filesystem::path& folder, const Manifest& manifest);
/// Manifest and plan; throws "store.damaged" where the plan's digest differs.
LoadedEngine read_engine_folder(const std::filesystem::path& folder);

/// Writes the plan, then the manifest: with its rename the engine is there, or the new one in place of the
/// old.
void write_engine_folder(const std::filesystem::path& folder, const Manifest& manifest,
                         std::span<const std::byte> plan);
/// An engine's folder once more: hard links where the file system allows, copies otherwise. The plan's digest
/// is checked first.
void link_engine_folder(const std::filesystem::path& from, const std::filesystem::path& to);
void replace_manifest(const std::filesystem::path& folder, const Manifest& manifest);
/// Removes what a process left that died before its rename: plans that no manifest names, or the whole
/// folder.
void clear_engine_folder(const std::filesystem::path& folder);
void remove_engine_folder(const std::filesystem::path& folder);

/// Throws "store.unverified" unless the engine was validated under this driver, and passed. `name` begins the
/// sentence.
void require_validation(const Manifest& manifest, const std::string& name, const std::string& driver);

}  // namespace peregrine::store
