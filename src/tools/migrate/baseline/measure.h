// Runs a program to measure it, and parses its output.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/os/child.h"

namespace peregrine::migrate {

/// run_child(); throws "interrupted" when `stop` says so.
ChildResult run_measured(const std::vector<std::string>& command, std::chrono::milliseconds limit,
                         const std::function<bool()>& stop);

/// It ended by itself, with success.
bool succeeded(const ChildResult& run);
/// In words, with the last line that it had to say.
std::string why_failed(const ChildResult& run, const std::string& program, std::chrono::milliseconds limit);

/// What a program printed last, when that is a JSON object; null otherwise.
nlohmann::json last_object(const std::string& out);

}  // namespace peregrine::migrate
