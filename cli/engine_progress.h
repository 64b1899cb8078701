// The progress of engines that a command probes or builds on its way, and Ctrl-C meanwhile.
#pragma once

#include <functional>
#include <string_view>

#include "progress.h"

namespace peregrine::cli {

class EngineProgress {
 public:
  /// `quiet`: nothing is shown, as where the log's JSON lines are to stand alone; Ctrl-C stops all the same.
  explicit EngineProgress(bool quiet);

  /// For PipelineOptions::progress and its likes; valid as long as this object. May be called by one other
  /// thread while the command waits for the call that it was given to.
  std::function<bool(double share, std::string_view what)> callback();
  /// Removes the bar so that another line can be printed.
  void clear() { progress_.clear(); }

 private:
  bool tell(double share, std::string_view what);

  Progress progress_;
  bool interrupt_told_ = false;
};

}  // namespace peregrine::cli
