#include "core/os/read_when_ready.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace peregrine {

ssize_t read_when_ready(int descriptor, void* to, std::size_t size, const std::function<bool()>& stop) {
  constexpr int step_ms = 100;
  while (!stop || !stop()) {
    pollfd ready{descriptor, POLLIN, 0};
    if (::poll(&ready, 1, step_ms) <= 0) continue;
    const ssize_t count = ::read(descriptor, to, size);
    if (count >= 0 || (errno != EINTR && errno != EAGAIN)) return count;
  }
  errno = ECANCELED;
  return -1;
}

}  // namespace peregrine
