#include "engine/tensorrt/elapsed_time_report.h"

#include <fmt/format.h>

#include <cmath>
#include <condition_variable>
#include <mutex>

#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

/// Grows with the time and never reaches the end: five minutes are 63 %, ten 86 %.
double share_after(std::chrono::duration<double> elapsed) {
  constexpr double seconds_of_a_build = 300;
  return 1 - std::exp(-elapsed.count() / seconds_of_a_build);
}

}  // namespace

ElapsedTimeReport::ElapsedTimeReport(Callback report, std::string library)
    : report_(std::move(report)), library_(std::move(library)) {
  if (!report_) return;
  tell();
  rethrow();
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void ElapsedTimeReport::tell() {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  const std::string what =
      refused_ ? fmt::format(
                     "waiting {:.0f} s for the build of {}, which cannot be "
                     "interrupted",
                     elapsed.count(), library_)
               : fmt::format("building {:.0f} s, {} tells no progress", elapsed.count(), library_);
  refused_ = !report_(share_after(elapsed), what) || refused_;
}

void ElapsedTimeReport::run(const std::stop_token& stop) noexcept {
  std::mutex mutex;
  std::condition_variable_any never;
  try {
    for (std::unique_lock lock(mutex); !stop.stop_requested();) {
      never.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
      if (!stop.stop_requested()) tell();
    }
  } catch (...) {
    thrown_ = std::current_exception();
  }
}

void ElapsedTimeReport::rethrow() const {
  if (thrown_) std::rethrow_exception(thrown_);
  if (refused_) throw Error("interrupted.build", "The build was cancelled.");
}

void ElapsedTimeReport::finish() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  rethrow();
}

}  // namespace peregrine::tensorrt
