#include "core/log.h"

#include <atomic>
#include <utility>

namespace peregrine::log {

namespace {
Sink& sink() {
  static Sink instance;
  return instance;
}
std::atomic<Level> threshold{Level::info};
}  // namespace

void set_sink(Sink replacement) { sink() = std::move(replacement); }
void set_level(Level level) { threshold = level; }
bool enabled(Level level) { return sink() && level >= threshold.load(std::memory_order_relaxed); }

void write(Level level, std::string_view message) {
  if (enabled(level)) sink()(level, message);
}

}  // namespace peregrine::log
