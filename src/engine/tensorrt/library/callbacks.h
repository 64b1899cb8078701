// Objects that TensorRT calls: its log, and its progress.
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/tensorrt/library/interface.h"

namespace peregrine::tensorrt {

/// A library's log, forwarded to ours; errors and warnings are kept for the exception of the call that fails.
/// One for each loaded library, and it never goes: TensorRT keeps the first that it meets.
class Logger {
 public:
  /// `old_layout`: as TensorRT 8 and 10 call it.
  explicit Logger(bool old_layout);
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  /// The object to hand to the library.
  void* object() const noexcept { return object_; }
  void receive(std::int32_t severity, const char* message) noexcept;

  /// Begins to keep messages for this thread's next call; what was kept for it before is forgotten.
  void begin();
  /// What was logged as an error since this thread's begin(), by this thread or by one of the library's own,
  /// each once and without "no driver" echoes of errors whose cause is there; without an error the warnings,
  /// because TensorRT 8 says so that there is no GPU. What other callers' threads logged is theirs.
  std::vector<std::string> reasons() const;

 private:
  struct OldLayout;
  struct NewLayout;
  struct Messages {
    std::vector<std::string> errors, warnings;
  };
  /// By the thread that called begin(). A thread that ends takes its own along: its number may be given to a
  /// thread of the library's.
  struct Kept {
    std::mutex mutex;
    std::map<std::thread::id, Messages> callers;
  };
  class Callers;
  std::unique_ptr<OldLayout> old_;
  std::unique_ptr<NewLayout> new_;
  void* object_ = nullptr;
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

/// Turns nested phases into one share of the whole, and passes cancelling on.
class ProgressMonitor {
 public:
  using Callback = std::function<bool(double share, std::string_view what)>;

  /// `report` returns false to cancel. What it throws is kept for rethrow().
  explicit ProgressMonitor(Callback report);
  ~ProgressMonitor();
  ProgressMonitor(const ProgressMonitor&) = delete;
  ProgressMonitor& operator=(const ProgressMonitor&) = delete;

  void* object() const noexcept;
  bool cancelled() const noexcept { return cancelled_; }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  struct Object;
  struct Phase {
    std::string name;
    int steps = 1, done = 0;
  };
  void start(const char* phase, int steps) noexcept;
  bool complete(const char* phase, int step) noexcept;
  void finish(const char* phase) noexcept;
  /// The open phase of this name; open_.end() where there is none.
  std::vector<Phase>::iterator innermost(const char* phase) noexcept;
  double share() const;
  void report() noexcept;
  void stop_with_this_exception() noexcept;

  Callback report_;
  std::unique_ptr<Object> object_;
  std::mutex mutex_;
  std::vector<Phase> open_;  ///< from the outermost to the innermost
  double furthest_ = 0;
  bool cancelled_ = false;
  std::exception_ptr thrown_;
};

}  // namespace peregrine::tensorrt
