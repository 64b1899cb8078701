#include "tools/migrate/baseline/measure.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine::migrate {

namespace {

/// Without its full stop: it stands inside of a sentence.
std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.pop_back();
  return printable(text.substr(text.rfind('\n') + 1));
}

}  // namespace

ChildResult run_measured(const std::vector<std::string>& command, std::chrono::milliseconds limit,
                         const std::function<bool()>& stop) {
  ChildResult run = run_child(command, limit, {}, stop);
  if (run.stopped) throw Error("interrupted", "Interrupted while a program was measured.");
  return run;
}

bool succeeded(const ChildResult& run) { return run.started && !run.timed_out && run.status == 0; }

std::string why_failed(const ChildResult& run, const std::string& program, std::chrono::milliseconds limit) {
  if (!run.started) return fmt::format("{} could not be started", program);
  if (run.timed_out)
    return fmt::format("{} was not done after {} s", program, std::chrono::duration<double>(limit).count());
  return fmt::format("{} ended with status {}: {}", program, run.status, last_line(run.err));
}

nlohmann::json last_object(const std::string& out) {
  const std::size_t end = out.find_last_not_of('\n');
  if (end == std::string::npos) return nullptr;
  const std::size_t begin = out.rfind('\n', end);
  nlohmann::json json =
      nlohmann::json::parse(out.substr(begin == std::string::npos ? 0 : begin + 1), nullptr, false);
  return json.is_object() ? json : nlohmann::json(nullptr);
}

}  // namespace peregrine::migrate
