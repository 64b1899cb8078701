#include "console.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "core/log.h"
#include "peregrine/error.h"

namespace peregrine::cli {

namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

void on_interrupt(int signal) {
  interrupt_seen = 1;
  std::signal(signal, SIG_DFL);
}

spdlog::level::level_enum spdlog_level(log::Level level) {
  switch (level) {
    case log::Level::debug: return spdlog::level::debug;
    case log::Level::info: return spdlog::level::info;
    case log::Level::warning: return spdlog::level::warn;
    case log::Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// A command that opens engines again and again has them say the same things: once is enough for a person.
class SaidBefore {
 public:
  bool operator()(std::string_view line) {
    const std::lock_guard lock(mutex_);
    return !said_.emplace(line).second;
  }

 private:
  std::mutex mutex_;
  std::set<std::string, std::less<>> said_;
};

}  // namespace

void set_up_log(bool quiet, bool verbose, bool json) {
  auto logger = spdlog::stderr_color_mt("peregrine");
  logger->set_level(spdlog::level::debug);
  logger->set_pattern(json ? "%v" : "%^%l%$: %v");
  if (!json && verbose) logger->set_pattern("%H:%M:%S.%e %^%l%$: %v");
  log::set_level(quiet ? log::Level::error : verbose ? log::Level::debug : log::Level::info);
  const auto said_before = std::make_shared<SaidBefore>();
  log::set_sink([logger, verbose, json, said_before](log::Level level, std::string_view message) {
    if (!verbose && !json && level == log::Level::info && (*said_before)(message)) return;
    if (!json) return logger->log(spdlog_level(level), "{}", message);
    const nlohmann::ordered_json line{{"level", spdlog::level::to_string_view(spdlog_level(level)).data()},
                                      {"message", std::string(message)}};
    logger->log(spdlog_level(level), "{}",
                line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  });
}

void report(const Error& error) {
  if (log::enabled(log::Level::error)) return log::error(error.what());
  const std::string line = std::string("error: ") + error.what() + "\n";  // there is no log yet
  std::fputs(line.c_str(), stderr);
}

void catch_interrupt() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
}

bool interrupted() { return interrupt_seen != 0; }

}  // namespace peregrine::cli
