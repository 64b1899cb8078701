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

/// Text of a JSON value. Names come from model files: bytes that are no UTF-8 are replaced. `indent` -1: one
/// line.
std::string dump_json(const nlohmann::json& json, int indent = -1);

std::string json_to_envelope(const nlohmann::json& content);

/// What to do about a damaged file of an engine. (`build` alone would find the engine there.)
inline constexpr const char* mend_engine =
    "Nothing was changed. Build the engine again with `peregrine build MODEL --rebuild`, or `peregrine "
    "engines restore` what was "
    "deployed before it.";
/// Of what is deployed.
inline constexpr const char* mend_service =
    "Nothing was changed. `peregrine engines restore` puts back what was deployed before; where no "
    "deployment is kept, remove "
    "the file and deploy engines with `peregrine engines use ID`.";

/// The content. Throws "store.version" for a newer format, "store.damaged" for anything else; `where` names
/// the file, `hint` says what mends it.
nlohmann::json json_from_envelope(std::string_view text, const std::string& where, const char* hint);

/// "WHERE is damaged: WHY."
[[noreturn]] void throw_damaged(const std::string& where, const std::string& why, const char* hint);

}  // namespace peregrine::store
