// Child processes that a test lets die, wait or lack something.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace peregrine::test {

/// Runs `action` in a forked process, which ends with status 0, or 1 after an exception.
inline pid_t fork_child(const std::function<void()>& action) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    action();
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

/// Exit status, or minus the signal that ended it.
inline int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

inline int run_child(const std::function<void()>& action) { return wait_for(fork_child(action)); }

/// One process tells another: wait() returns when tell() was called, or its holder died.
class Signal {
 public:
  Signal() {
    if (pipe(ends_) != 0) std::abort();
  }
  ~Signal() {
    for (int end : ends_)
      if (end >= 0) close(end);
  }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void tell() { [[maybe_unused]] const auto written = write(ends_[1], "!", 1); }
  void wait() {
    close(ends_[1]);
    ends_[1] = -1;
    char byte;
    [[maybe_unused]] const auto got = read(ends_[0], &byte, 1);
  }

 private:
  int ends_[2];
};

}  // namespace peregrine::test
