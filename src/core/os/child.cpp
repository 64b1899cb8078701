#include "core/os/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "peregrine/error.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace peregrine {

namespace {

using Clock = std::chrono::steady_clock;

/// What a program may print before it is cut.
constexpr std::array<std::size_t, 2> most_bytes{std::size_t{64} << 20, std::size_t{1} << 20};

constexpr int longest_poll_ms = 100;

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw Error("environment.pipe",
                  "No pipe could be made: " + std::generic_category().message(errno) + ".");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_end(std::size_t end) {
    if (ends_[end] >= 0) ::close(ends_[end]);
    ends_[end] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) entries.push_back(text);
  }
  for (const auto& [name, value] : added) entries.push_back(fmt::format("{}={}", name, value));
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

/// How a child begins: no standard input, its output into pipes, in a process group of its own, so that what
/// it starts can be ended with it.
class SpawnPlan {
 public:
  SpawnPlan(const Pipe& out, const Pipe& err) {
    note(posix_spawn_file_actions_init(&actions_));
    note(posix_spawnattr_init(&attributes_));
    note(posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    note(posix_spawn_file_actions_adddup2(&actions_, out.write_end(), STDOUT_FILENO));
    note(posix_spawn_file_actions_adddup2(&actions_, err.write_end(), STDERR_FILENO));
    note(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF));
    sigset_t as_usual;  // we may ignore what ends another program
    sigemptyset(&as_usual);
    sigaddset(&as_usual, SIGPIPE);
    note(posix_spawnattr_setsigdefault(&attributes_, &as_usual));
    note(posix_spawnattr_setpgroup(&attributes_, 0));
  }
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  /// 0 when it cannot be started.
  pid_t start(std::vector<std::string> words, std::vector<std::string> environment) {
    pid_t child = 0;
    if (failure_ == 0)
      note(::posix_spawnp(&child, words[0].c_str(), &actions_, &attributes_, pointers(words).data(),
                          pointers(environment).data()));
    return failure_ == 0 ? child : 0;
  }

 private:
  /// Keeps the first failure: without its pipes a child must not run.
  void note(int failure) {
    if (failure_ == 0) failure_ = failure;
  }

  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
  int failure_ = 0;
};

/// Appends what can be read; false at the end.
bool drain(int descriptor, std::string& into, std::size_t most) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
  if (count > 0)
    into.append(buffer.data(), std::min(static_cast<std::size_t>(count), most - std::min(most, into.size())));
  return count > 0 || (count < 0 && errno == EINTR);
}

/// How long a child's time is, and who may end it before.
struct Patience {
  Clock::time_point deadline;
  const std::function<bool()>& stop;
  bool stopped = false;

  bool over() {
    stopped = stopped || (stop && stop());
    return stopped || Clock::now() >= deadline;
  }
};

/// Reads until both ends are closed; false when patience is over.
bool read_all(std::array<Pipe*, 2> pipes, std::array<std::string*, 2> texts, Patience& patience) {
  std::array<pollfd, 2> watched{{{pipes[0]->read_end(), POLLIN, 0}, {pipes[1]->read_end(), POLLIN, 0}}};
  for (int open = 2; open > 0;) {
    if (patience.over()) return false;
    if (::poll(watched.data(), watched.size(), longest_poll_ms) <= 0) continue;
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].revents == 0 || drain(watched[i].fd, *texts[i], most_bytes[i])) continue;
      watched[i].fd = -1;
      watched[i].revents = 0;
      --open;
    }
  }
  return true;
}

/// Waits for the end; false when patience is over.
bool reap(pid_t child, int& status, Patience& patience) {
  for (;;) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child || (ended < 0 && errno != EINTR)) return true;
    if (patience.over()) return false;
    ::usleep(2000);
  }
}

}  // namespace

ChildResult run_child(const std::vector<std::string>& command, std::chrono::milliseconds limit,
                      const std::map<std::string, std::string>& environment,
                      const std::function<bool()>& stop) {
  ChildResult result;
  Pipe out, err;
  const pid_t child = SpawnPlan(out, err).start(command, merged_environment(environment));
  if (child == 0) return result;
  result.started = true;
  out.close_end(1);
  err.close_end(1);
  Patience patience{Clock::now() + limit, stop};
  int status = 0;
  const bool ended =
      read_all({&out, &err}, {&result.out, &result.err}, patience) && reap(child, status, patience);
  result.stopped = !ended && patience.stopped;
  result.timed_out = !ended && !patience.stopped;
  if (!ended) {
    ::kill(-child, SIGKILL);  // with all that it has started
    ::waitpid(child, &status, 0);
  }
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace peregrine
