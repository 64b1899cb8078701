// Records what the process does on its GPUs, through CUPTI's activity interface.
#pragma once

#include <memory>

#include "tools/audit/activity.h"

namespace peregrine::audit {

/// Records from its construction on; one at a time in a process (CUPTI has one buffer queue). To be made and
/// destroyed while no trace::Range is open.
class ActivityRecorder {
 public:
  /// Throws "environment.library" without CUPTI, "environment.cupti" where it refuses.
  ActivityRecorder();
  ~ActivityRecorder();
  ActivityRecorder(const ActivityRecorder&) = delete;
  ActivityRecorder& operator=(const ActivityRecorder&) = delete;

  /// Waits for the device and gives all that happened since the last call, or since the beginning.
  Activity take();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace peregrine::audit
