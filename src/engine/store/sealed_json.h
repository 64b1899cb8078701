// JSON files with their own digest, so that damage is told from content.
//
//   {"content": {...}, "format": 1, "sha256": "of content as dumped"}
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace peregrine::store {

/// Version of everything the store writes. Raised when an older peregrine could not read it any more.
inline constexpr int format_version = 1;

/// Text of a JSON value. Names come from model files: bytes that are no UTF-8 are replaced. `indent` -1: one line.
std::string dump_json(const nlohmann::json& json, int indent = -1);

std::string seal_json(const nlohmann::json& content);

/// The content. Throws "store.version" for a newer format, "store.damaged" for anything else; `where` names the file.
nlohmann::json unseal_json(std::string_view text, const std::string& where);

/// "WHERE is damaged: WHY."
[[noreturn]] void throw_damaged(const std::string& where, const std::string& why);

}  // namespace peregrine::store
