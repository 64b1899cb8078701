// Manifests as JSON. Keys are the fields' names; what the contract in manifest.h calls optional may be
// absent.
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "engine_cache/store/json_envelope.h"
#include "engine_cache/store/manifest.h"

namespace peregrine {

NLOHMANN_JSON_SERIALIZE_ENUM(Precision, {{Precision::fp32, "fp32"},
                                         {Precision::fp16, "fp16"},
                                         {Precision::bf16, "bf16"}})
/// As nlohmann's macros find them: beside the type.
inline void to_json(nlohmann::json& json, Task task) { json = to_string(task); }
inline void from_json(const nlohmann::json& json, Task& task) {
  const std::optional<Task> known = parse_task(json.get_ref<const std::string&>());
  if (!known) throw nlohmann::json::other_error::create(501, "no such task", &json);
  task = *known;
}
NLOHMANN_JSON_SERIALIZE_ENUM(HeadLayout, {{HeadLayout::raw, "raw"}, {HeadLayout::decoded, "decoded"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ModelInfo, task, name, sha256, architecture, head, class_names,
                                   image_height, image_width, strides, dfl_bins, keypoints, keypoint_dims,
                                   mask_channels, embedding, dynamic_shape, fixed_batch)

namespace store {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(InputRange, batch_min, batch_opt, batch_max, height, width, any_size)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(EngineIdentity, model_sha256, graph_digest, engine, engine_version,
                                   library_versions, device_name, driver, precision, input, options)

// JSON has no infinity and no NaN, which a broken engine may well differ by: such numbers are written as
// text.
void to_json(nlohmann::json& json, const ValidationCheck& check) {
  json = {{"name", check.name}, {"limit", check.limit}, {"at_least", check.at_least}};
  json["value"] =
      std::isfinite(check.value) ? nlohmann::json(check.value) : nlohmann::json(std::to_string(check.value));
}
void from_json(const nlohmann::json& json, ValidationCheck& check) {
  const nlohmann::json& value = json.at("value");
  check = {.name = json.at("name"),
           .value = value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>(),
           .limit = json.at("limit"),
           .at_least = json.at("at_least")};
}

void to_json(nlohmann::json& json, const Witness& witness) {
  json = {{"verdict", to_string(witness.verdict)}, {"name", witness.name}, {"note", witness.note}};
}
void from_json(const nlohmann::json& json, Witness& witness) {
  using enum Witness::Verdict;
  const std::string verdict = json.at("verdict");
  witness = {.verdict = verdict == to_string(agrees)      ? agrees
                        : verdict == to_string(disagrees) ? disagrees
                                                          : none,
             .name = json.at("name"),
             .note = json.at("note")};
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ValidationRecord, ran, reference, driver, date, images,
                                                objects, checks, note, mismatches, conditions, unavailable,
                                                witness)

namespace {

nlohmann::json to_json_without_validation(const Manifest& manifest) {
  return {{"id", manifest.id},
          {"identity", manifest.identity},
          {"model", manifest.model},
          {"effective_precision", manifest.effective_precision},
          {"plan_sha256", manifest.plan_sha256},
          {"plan_bytes", manifest.plan_bytes},
          {"built_at", manifest.built_at},
          {"build_seconds", manifest.build_seconds},
          {"notes", manifest.notes}};
}

}  // namespace

std::string id_source(const EngineIdentity& identity) {
  nlohmann::json json = identity;
  json.erase("driver");
  return dump_json(json);
}

std::string write_manifest(const Manifest& manifest) {
  nlohmann::json json = to_json_without_validation(manifest);
  if (manifest.validation) json["validation"] = *manifest.validation;
  return json_to_envelope(json);
}

Manifest read_manifest(std::string_view text, const std::string& where) {
  const nlohmann::json json = json_from_envelope(text, where, mend_engine);
  try {
    Manifest manifest{.id = json.at("id"),
                      .identity = json.at("identity"),
                      .model = json.at("model"),
                      .effective_precision = json.at("effective_precision"),
                      .plan_sha256 = json.at("plan_sha256"),
                      .plan_bytes = json.at("plan_bytes"),
                      .built_at = json.at("built_at"),
                      .build_seconds = json.at("build_seconds"),
                      .notes = json.value("notes", std::vector<std::string>{}),
                      .validation = {}};
    if (json.contains("validation")) manifest.validation = json["validation"].get<ValidationRecord>();
    if (manifest.id != id_of(manifest.identity))
      throw_damaged(where, "its id is not that of its identity", mend_engine);
    return manifest;
  } catch (const nlohmann::json::exception& error) {
    throw_damaged(where, error.what(), mend_engine);
  }
}

}  // namespace store
}  // namespace peregrine
