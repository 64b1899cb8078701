#include "engine_cache/store/json_envelope.h"

#include <fmt/format.h>

#include "core/sha256.h"
#include "peregrine/error.h"

namespace peregrine::store {

void throw_damaged(const std::string& where, const std::string& why, const char* hint) {
  throw Error("store.damaged", fmt::format("{} is damaged: {}.", where, why), hint);
}

std::string dump_json(const nlohmann::json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_to_envelope(const nlohmann::json& content) {
  const nlohmann::json envelope{
      {"format", format_version}, {"sha256", sha256_hex(dump_json(content))}, {"content", content}};
  return dump_json(envelope, 1) + "\n";
}

nlohmann::json json_from_envelope(std::string_view text, const std::string& where, const char* hint) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("format") || !json["format"].is_number_integer() ||
      json["format"] < 1)
    throw_damaged(where, "it is no JSON of a store", hint);
  if (json["format"] > format_version)
    throw Error("store.version",
                fmt::format("{} was written by a newer peregrine (format {}, this one knows {}).", where,
                            json["format"].get<int>(), format_version),
                "Update peregrine, or choose another store with --store.");
  if (!json.contains("content") || !json.contains("sha256") ||
      json["sha256"] != sha256_hex(dump_json(json["content"])))
    throw_damaged(where, "its digest differs", hint);
  return json["content"];
}

}  // namespace peregrine::store
