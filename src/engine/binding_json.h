// Bindings as JSON: in the header of plans and in the store's manifests.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "engine/engine.h"

namespace peregrine {

nlohmann::json to_json(const std::vector<Binding>& bindings);
/// Throws nlohmann::json::exception or Error "engine.plan" where `json` is not what to_json writes.
std::vector<Binding> bindings_from_json(const nlohmann::json& json);

}  // namespace peregrine
