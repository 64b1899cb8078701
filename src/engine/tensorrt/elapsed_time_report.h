// Tells how long a build has taken, where the library tells no progress.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace peregrine::tensorrt {

/// While it lives, a thread of its own calls `report` each second, which nobody else may call meanwhile. The
/// build cannot be stopped on the way: a refusal counts when the build is done.
class ElapsedTimeReport {
 public:
  using Callback = std::function<bool(double share, std::string_view what)>;

  /// `library`: "TensorRT 8.5.3". Calls `report` once; throws Error "interrupted.build" where it refuses.
  ElapsedTimeReport(Callback report, std::string library);
  ElapsedTimeReport(const ElapsedTimeReport&) = delete;
  ElapsedTimeReport& operator=(const ElapsedTimeReport&) = delete;

  /// Ends the thread. Throws what `report` threw, or Error "interrupted.build" where it refused.
  void finish();

 private:
  void tell();
  void run(const std::stop_token& stop) noexcept;
  void rethrow() const;

  Callback report_;
  std::string library_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool refused_ = false;       ///< of the thread, until it is joined
  std::exception_ptr thrown_;  ///< likewise
  std::jthread thread_;        ///< last: it uses the others
};

}  // namespace peregrine::tensorrt
