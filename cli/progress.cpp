#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace peregrine::cli {

namespace {

constexpr std::size_t bar_width = 30;
constexpr std::size_t item_width = 40;
constexpr std::size_t lines_a_run = 10;

/// A log that cannot be written is no reason to fail.
void say(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace

Progress::Progress(std::string what, bool quiet)
    : what_(std::move(what)), quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

bool Progress::is_due(std::size_t done, std::size_t total) {
  if (done < last_) restart();
  last_ = done;
  const std::size_t reached = total ? lines_a_run * std::min(done, total) / total : done;
  if (reached < due_ || (reached == 0 && done > 0) || (total && lines_ == lines_a_run)) return false;
  due_ = total ? reached + 1 : 2 * done + 1;  // without a total twice as many lie between two lines each time
  ++lines_;
  return true;
}

void Progress::restart() { due_ = lines_ = 0; }

void Progress::update(std::size_t done, std::size_t total, const std::string& item) {
  if (quiet_) return;
  const std::string count = total ? fmt::format("{}/{}", done, total) : fmt::format("{}", done);
  if (!terminal_) {
    if (is_due(done, total)) say(fmt::format("{} {}: {}\n", count, what_, item));
    return;
  }
  const std::size_t filled = total ? bar_width * std::min(done, total) / total : 0;
  say(fmt::format("\r\033[K[{:#<{}}{:.<{}}] {} {} {:.{}}", "", filled, "", bar_width - filled, count, what_,
                  item, item_width));
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  say("\r\033[K");
  shown_ = false;
}

}  // namespace peregrine::cli
