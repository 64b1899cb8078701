// Runs the command as a user does: as a program, judged by its exit status and what it prints.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace peregrine::test {

struct CommandResult {
  int status = -1;  ///< exit status; 128 + signal when it was killed
  std::string out, err;
};

/// Runs `peregrine ARGUMENTS...` in `folder`. With interrupt_after, it gets SIGINT once it has printed that
/// text to standard error. `in_child` is called before the program begins: it may take rights away, or put
/// something else in the place of a standard stream. Without --store, engines are kept in a folder of this
/// test's own.
CommandResult run_command(const std::vector<std::string>& arguments, const std::string& folder = ".",
                          const std::string& interrupt_after = "",
                          const std::function<void()>& in_child = {});

}  // namespace peregrine::test
