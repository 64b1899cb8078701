// The library's log: messages go to one sink, which the application sets (the command: spdlog on standard
// error). Without one they are discarded: a library does not print.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace peregrine::log {

enum class Level { debug, info, warning, error };

using Sink = std::function<void(Level, std::string_view message)>;

/// Replaces the sink (default: discard). Not to be called while other threads log.
void set_sink(Sink sink);
void set_level(Level level);
bool enabled(Level level);

void write(Level level, std::string_view message);
inline void debug(std::string_view m) {
  if (enabled(Level::debug)) write(Level::debug, m);
}
inline void info(std::string_view m) { write(Level::info, m); }
inline void warning(std::string_view m) { write(Level::warning, m); }
inline void error(std::string_view m) { write(Level::error, m); }

}  // namespace peregrine::log
