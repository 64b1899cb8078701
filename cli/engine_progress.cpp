#include "engine_progress.h"

#include <string>

#include "console.h"
#include "core/log.h"

namespace peregrine::cli {

EngineProgress::EngineProgress(bool quiet) : progress_("%", quiet) {}

std::function<bool(double, std::string_view)> EngineProgress::callback() {
  return [this](double share, std::string_view what) { return tell(share, what); };
}

bool EngineProgress::tell(double share, std::string_view what) {
  progress_.update(static_cast<std::size_t>(share * 100), 100, std::string(what));
  if (interrupted() && !interrupt_told_) {
    interrupt_told_ = true;
    progress_.clear();
    log::warning("Stopping. Where that takes long, a second Ctrl-C ends the program at once.");
  }
  return !interrupted();
}

}  // namespace peregrine::cli
