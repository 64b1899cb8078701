#include "command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "support/test_data.h"

namespace peregrine::test {

namespace {

struct Pipe {
  std::array<int, 2> ends{};
  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  }
};

[[noreturn]] void become_command(const std::vector<std::string>& arguments, const std::string& folder,
                                 const Pipe& out, const Pipe& err, const std::function<void()>& in_child) {
  std::vector<char*> words{const_cast<char*>(PEREGRINE_COMMAND)};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  dup2(out.ends[1], STDOUT_FILENO);
  dup2(err.ends[1], STDERR_FILENO);
  if (in_child) in_child();
  if (chdir(folder.c_str()) == 0) execv(words[0], words.data());
  _exit(127);
}

/// Appends what can be read; false at the end.
bool drain(int descriptor, std::string& into) {
  std::array<char, 4096> buffer;
  const ssize_t count = read(descriptor, buffer.data(), buffer.size());
  if (count > 0) into.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace

CommandResult run_command(const std::vector<std::string>& arguments, const std::string& folder,
                          const std::string& interrupt_after, const std::function<void()>& in_child) {
  static const TemporaryFolder own_store;
  const Pipe out, err;
  const pid_t child = fork();
  if (child == 0) {
    setenv("PEREGRINE_STORE", own_store.path().c_str(), 0);
    become_command(arguments, folder, out, err, in_child);
  }
  close(out.ends[1]);
  close(err.ends[1]);
  CommandResult result;
  std::array<pollfd, 2> watched{{{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}}};
  bool interrupted = interrupt_after.empty();
  for (int open = 2; open > 0;) {
    poll(watched.data(), watched.size(), -1);
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].revents == 0 || drain(watched[i].fd, i == 0 ? result.out : result.err)) continue;
      close(watched[i].fd);
      watched[i].fd = -1;
      watched[i].revents = 0;
      --open;
    }
    if (!interrupted && result.err.find(interrupt_after) != std::string::npos) {
      kill(child, SIGINT);
      interrupted = true;
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace peregrine::test
