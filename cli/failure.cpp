#include "failure.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <system_error>

#include "core/memory_error.h"

namespace peregrine::cli {

namespace {

Error standard_output_failed(int reason) {
  const std::string why = reason == 0 ? "" : ": " + std::generic_category().message(reason);
  return {"output.write", fmt::format("Standard output cannot be written{}.", why),
          "Free some space, keep its reader running, or send the output to another place."};
}

}  // namespace

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::system_error& failure) {
    if (std::ferror(stdout) != 0) return standard_output_failed(failure.code().value());
    if (is_out_of_memory(failure)) return out_of_memory();
    return {"internal.unexpected", fmt::format("Unexpected failure: {}.", failure.what()),
            "Please report it."};
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) return out_of_memory();
    return {"internal.unexpected", fmt::format("Unexpected failure: {}.", failure.what()),
            "Please report it."};
  }
}

void guard_standard_streams() {
  std::signal(SIGPIPE, SIG_IGN);
  // In the order of their numbers, because the lowest free one is what open() gives. One that was closed
  // fails when used.
  constexpr std::array<int, 3> modes{O_WRONLY, O_RDONLY, O_WRONLY};
  for (int stream = 0; stream < 3; ++stream)
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      (void)::open("/dev/null", modes[static_cast<std::size_t>(stream)]);
}

void flush_standard_output() {
  if (std::ferror(stdout) != 0) throw standard_output_failed(0);
  if (std::fflush(stdout) != 0) throw standard_output_failed(errno);
}

}  // namespace peregrine::cli
