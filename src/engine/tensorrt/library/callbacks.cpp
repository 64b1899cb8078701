#include "engine/tensorrt/library/callbacks.h"

#include <algorithm>

#include "core/log.h"
#include "core/text.h"

namespace peregrine::tensorrt {

namespace {

/// What TensorRT 8 warns of in every build of ours: indices of 64 bits that fit into 32, and weights so small
/// that FP16 has fewer digits for them, which the verification of the engine judges.
bool is_harmless(const std::string& warning) {
  constexpr std::string_view parts[] = {"does not natively support INT64", "converting weights between types",
                                        "regularization to adjust the magnitude of the weights",
                                        "logs for the list of affected weights",
                                        "Detected subnormal FP16 values"};
  return std::ranges::any_of(parts,
                             [&](std::string_view part) { return warning.find(part) != std::string::npos; });
}

}  // namespace

// The order of the virtual functions is the layout that the library calls. The destructors take two places.

struct Logger::OldLayout {
  explicit OldLayout(Logger& to) : owner(to) {}
  virtual void log(std::int32_t severity, const char* message) noexcept { owner.receive(severity, message); }
  virtual ~OldLayout() = default;
  Logger& owner;
};

struct Logger::NewLayout {
  explicit NewLayout(Logger& to) : owner(to) {}
  virtual std::int32_t language() const noexcept { return 0; }
  virtual InterfaceInfo info() const noexcept { return {"ILogger", 1, 0}; }
  virtual ~NewLayout() = default;
  virtual void log(std::int32_t severity, const char* message) noexcept { owner.receive(severity, message); }
  Logger& owner;
};

Logger::Logger(bool old_layout) {
  if (old_layout) {
    old_ = std::make_unique<OldLayout>(*this);
    object_ = old_.get();
  } else {
    new_ = std::make_unique<NewLayout>(*this);
    object_ = new_.get();
  }
}

Logger::~Logger() = default;

void Logger::receive(std::int32_t severity, const char* message) noexcept {
  try {
    const std::string text = printable(message ? message : "");
    const auto level = static_cast<Severity>(severity);
    // Errors are told by the exception; in the log they would be there twice.
    const bool counts = level < Severity::warning || (level == Severity::warning && !is_harmless(text));
    if (counts && level == Severity::warning)
      log::warning("TensorRT: " + text);
    else
      log::debug("TensorRT: " + text);
    if (!counts) return;
    const auto keep = [&](Messages& messages) {
      auto& list = level == Severity::warning ? messages.warnings : messages.errors;
      if (std::ranges::find(list, text) == list.end()) list.push_back(text);
    };
    const std::scoped_lock lock(kept_->mutex);
    if (const auto caller = kept_->callers.find(std::this_thread::get_id()); caller != kept_->callers.end())
      keep(caller->second);
    else  // a thread of the library: it does not say for whom it works
      for (auto& [thread, messages] : kept_->callers) keep(messages);
  } catch (...) {  // out of memory: the message is lost, the library goes on
  }
}

/// Where this thread's errors are kept.
class Logger::Callers {
 public:
  ~Callers() {
    for (const auto& one : kept_)
      if (const auto kept = one.lock()) {
        const std::scoped_lock lock(kept->mutex);
        kept->callers.erase(std::this_thread::get_id());
      }
  }
  void add(const std::shared_ptr<Kept>& kept) {
    std::erase_if(kept_, [](const std::weak_ptr<Kept>& one) { return one.expired(); });
    kept_.emplace_back(kept);
  }

 private:
  std::vector<std::weak_ptr<Kept>> kept_;
};

void Logger::begin() {
  thread_local Callers callers;
  const std::scoped_lock lock(kept_->mutex);
  const auto [messages, is_new] = kept_->callers.try_emplace(std::this_thread::get_id());
  if (is_new) callers.add(kept_);
  messages->second = {};
}

std::vector<std::string> Logger::reasons() const {
  const std::scoped_lock lock(kept_->mutex);
  const auto kept = kept_->callers.find(std::this_thread::get_id());
  if (kept == kept_->callers.end()) return {};
  const auto& [errors, warnings] = kept->second;
  if (errors.empty()) return warnings;
  std::vector<std::string> causes = errors;
  std::erase_if(causes,
                [](const std::string& error) { return error.find("catchCudaError") != std::string::npos; });
  return causes.empty() ? errors : causes;
}

struct ProgressMonitor::Object {
  explicit Object(ProgressMonitor& to) : owner(to) {}
  virtual std::int32_t language() const noexcept { return 0; }
  virtual InterfaceInfo info() const noexcept { return {"IProgressMonitor", 1, 0}; }
  virtual ~Object() = default;
  virtual void phase_start(const char* phase, const char*, std::int32_t steps) noexcept {
    owner.start(phase, steps);
  }
  virtual bool step_complete(const char* phase, std::int32_t step) noexcept {
    return owner.complete(phase, step);
  }
  virtual void phase_finish(const char* phase) noexcept { owner.finish(phase); }
  ProgressMonitor& owner;
};

ProgressMonitor::ProgressMonitor(Callback report)
    : report_(std::move(report)), object_(std::make_unique<Object>(*this)) {}

ProgressMonitor::~ProgressMonitor() = default;

void* ProgressMonitor::object() const noexcept { return object_.get(); }

std::vector<ProgressMonitor::Phase>::iterator ProgressMonitor::innermost(const char* phase) noexcept {
  const std::string_view name = phase ? phase : "";
  const auto found =
      std::find_if(open_.rbegin(), open_.rend(), [&](const Phase& p) { return p.name == name; });
  return found == open_.rend() ? open_.end() : std::prev(found.base());
}

void ProgressMonitor::start(const char* phase, int steps) noexcept {
  const std::scoped_lock lock(mutex_);
  try {
    open_.push_back({phase ? phase : "", std::max(steps, 1), 0});
  } catch (...) {  // the library must not see it
    stop_with_this_exception();
  }
  report();
}

bool ProgressMonitor::complete(const char* phase, int step) noexcept {
  const std::scoped_lock lock(mutex_);
  if (const auto found = innermost(phase); found != open_.end())
    found->done = std::clamp(step + 1, found->done, found->steps);
  report();
  return !cancelled_;
}

void ProgressMonitor::finish(const char* phase) noexcept {
  const std::scoped_lock lock(mutex_);
  if (const auto found = innermost(phase); found != open_.end()) open_.erase(found);
}

void ProgressMonitor::stop_with_this_exception() noexcept {
  thrown_ = std::current_exception();
  cancelled_ = true;
}

double ProgressMonitor::share() const {
  double done = 0, part = 1;
  for (const Phase& phase : open_) {
    done += part * phase.done / phase.steps;
    part /= phase.steps;
  }
  return done;
}

void ProgressMonitor::report() noexcept {
  if (cancelled_ || !report_ || open_.empty()) return;
  furthest_ = std::max(furthest_, std::min(share(), 1.0));
  try {
    cancelled_ = !report_(furthest_, open_.back().name);
  } catch (...) {
    stop_with_this_exception();
  }
}

}  // namespace peregrine::tensorrt
