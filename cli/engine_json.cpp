#include "engine_json.h"

#include <cmath>

#include "core/text.h"

namespace peregrine::cli {

std::string state_of(const store::Manifest& manifest) {
  return manifest.validation ? store::verdict(*manifest.validation) : "not verified";
}

nlohmann::ordered_json to_json(const store::Manifest& manifest) {
  return {{"id", manifest.id},
          {"model", printable(manifest.model.name)},
          {"task", to_string(manifest.model.task)},
          {"engine", manifest.identity.engine},
          {"precision", to_string(manifest.identity.precision)},
          {"input", store::to_string(manifest.identity.input)},
          {"verified", manifest.validation && manifest.validation->passed()},
          {"verification", state_of(manifest)}};
}

nlohmann::ordered_json to_json(const store::ValidationRecord& record) {
  nlohmann::ordered_json json{{"ran", record.ran},
                              {"passed", record.passed()},
                              {"reference", record.reference},
                              {"date", record.date},
                              {"images", record.images},
                              {"objects", record.objects},
                              {"note", printable(record.note)},
                              {"checks", nlohmann::ordered_json::array()},
                              {"departures", nlohmann::ordered_json::array()}};
  if (!record.unavailable.empty()) json["unavailable"] = record.unavailable;
  const store::Witness& witness = record.witness;
  json["witness"] = {{"verdict", to_string(witness.verdict)},
                     {"name", printable(witness.name)},
                     {"note", printable(witness.note)}};
  for (const store::ValidationCheck& check :
       record.checks) {  // JSON knows no infinity: null then, and the check does not hold
    json["checks"].push_back({{"name", check.name},
                              {"value", check.value},
                              {"limit", check.limit},
                              {"at_least", check.at_least},
                              {"holds", check.holds()}});
  }
  for (const std::string& mismatch : record.mismatches) json["departures"].push_back(printable(mismatch));
  return json;
}

}  // namespace peregrine::cli
