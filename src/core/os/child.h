// Runs another program to its end or to a time limit.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace peregrine {

struct ChildResult {
  bool started = false;    ///< false: there is no such program
  bool timed_out = false;  ///< it was killed, and all that it had started
  bool stopped = false;    ///< the same, because `stop` said so
  int status = -1;         ///< exit status; 128 + signal when it was killed
  std::string out, err;    ///< what it printed, cut at 64 MB and 1 MB
};

/// Runs `command` (looked up in PATH when it names no folder) without standard input. `environment` is added
/// to our own. `stop` is asked several times a second while it runs.
ChildResult run_child(const std::vector<std::string>& command, std::chrono::milliseconds limit,
                      const std::map<std::string, std::string>& environment = {},
                      const std::function<bool()>& stop = {});

}  // namespace peregrine
