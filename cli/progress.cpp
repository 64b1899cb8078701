#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace peregrine::cli {

namespace {
constexpr std::size_t bar_width = 30;
constexpr std::size_t item_width = 40;
}  // namespace

Progress::Progress(std::string what, bool quiet) : what_(std::move(what)), quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::update(std::size_t done, std::size_t total, const std::string& item) {
  if (quiet_) return;
  const std::string count = total ? fmt::format("{}/{}", done, total) : fmt::format("{}", done);
  if (!terminal_) {
    if (last_ == done) return;
    last_ = done;
    fmt::print(stderr, "{} {}: {}\n", count, what_, item);
    return;
  }
  const std::size_t filled = total ? bar_width * std::min(done, total) / total : 0;
  fmt::print(stderr, "\r\033[K[{:#<{}}{:.<{}}] {} {} {:.{}}", "", filled, "", bar_width - filled, count, what_, item, item_width);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace peregrine::cli
