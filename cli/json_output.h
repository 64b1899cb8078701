// The document of --json: it always says what happened, and an older one never looks like the answer of a run
// that failed.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "peregrine/error.h"

namespace peregrine::cli {

/// `target` as given to --json: a file, "-" (standard output), or empty (nobody asked). `text` ends with a
/// line's end. Throws Error "output.write".
void write_json(const std::string& target, const std::string& text);

/// {"code": .., "message": .., "hint": ..}: what "errors" holds of a failure that is no single source's.
nlohmann::ordered_json error_entry(const Error& error);

/// Where the document itself cannot be written: an older file under its name goes, because it would look like
/// the answer.
void disown_stale(const std::string& target) noexcept;

/// Runs a command's work. What it throws is thrown on as an Error, and before that written to `target` as
/// {"peregrine": VERSION, ..., "errors": [...]}; `done` gives the keys between, of what was finished until
/// then.
int with_json_errors(const std::string& target, const std::function<int()>& work,
                     const std::function<nlohmann::ordered_json()>& done = {});

}  // namespace peregrine::cli
