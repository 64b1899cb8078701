// One of our scripts, run by the user's Python. It is told what to do by a file of JSON, the only argument,
// and answers with an object of JSON as its last line.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/doctor/python.h"
#include "tools/migrate/baseline/speed.h"

namespace peregrine::migrate {

/// `request_json` is written to `folder`; `read` is called with the answer, and may throw
/// nlohmann::json::exception where it cannot be read. Returns why there was none that can be used; empty:
/// there was. Throws "interrupted".
std::string ask_python(const SpeedRequest& request, const doctor::FoundPython& python, const char* script,
                       const nlohmann::json& request_json, const std::filesystem::path& folder,
                       const std::function<void(const nlohmann::json& answer)>& read);

}  // namespace peregrine::migrate
