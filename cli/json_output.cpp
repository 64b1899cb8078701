#include "json_output.h"

#include <fmt/format.h>

#include "core/log.h"
#include "core/os/output_file.h"
#include "core/text.h"
#include "failure.h"
#include "peregrine/version.h"

namespace peregrine::cli {

namespace {

using Json = nlohmann::ordered_json;

void write_failure(const std::string& target, const Error& error, const std::function<Json()>& done) {
  if (target.empty() || error.code() == "usage.output") return;  // an input stands in its place
  if (target == "-" && error.code() == "output.write") return;
  try {
    Json json{{"peregrine", version}};
    if (done) json.update(done());
    json["errors"] = Json::array({error_entry(error)});
    write_json(target, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } catch (const std::exception&) {  // the failure itself is what has to be heard of
    disown_stale(target);
  }
}

}  // namespace

void write_json(const std::string& target, const std::string& text) {
  if (target.empty()) return;
  if (target != "-") return write_file(target, text);
  fmt::print("{}", text);
  flush_standard_output();
}

Json error_entry(const Error& error) {
  return {{"code", error.code()}, {"message", error.sentence()}, {"hint", error.hint()}};
}

void disown_stale(const std::string& target) noexcept {
  if (target.empty() || target == "-" || !remove_stale(target)) return;
  try {
    log::warning(fmt::format("{} was removed: it was of an earlier run.", printable(target)));
  } catch (const std::exception&) {  // no memory for the line
  }
}

int with_json_errors(const std::string& target, const std::function<int()>& work,
                     const std::function<Json()>& done) {
  try {
    if (!target.empty() && target != "-") check_writable(target);
    return work();
  } catch (...) {
    const Error error = current_error();
    write_failure(target, error, done);
    throw Error(error);
  }
}

}  // namespace peregrine::cli
