// The JSON of a store's engine, for `engines list --json` and `build --json`.
#pragma once

#include <nlohmann/json.hpp>

#include "engine_cache/store/manifest.h"

namespace peregrine::cli {

/// "not verified", "passed", "failed: ...", "built, not run".
std::string state_of(const store::Manifest& manifest);

/// What it is, and whether it was verified, in one line each.
nlohmann::ordered_json to_json(const store::Manifest& manifest);
/// Every number of a verification against its limit.
nlohmann::ordered_json to_json(const store::ValidationRecord& record);

}  // namespace peregrine::cli
