// Ranges around stages and steps, for whoever listens: profilers (cuda/nvtx.h), and the audit, which wants to
// know whose copies it sees. Nobody listens unless asked; a range then costs two loads.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace peregrine::trace {

class Listener {
 public:
  virtual ~Listener() = default;
  /// On the thread that does the work. Ranges nest: the last one that began ends first.
  virtual void begin(std::string_view name) = 0;
  virtual void end() noexcept = 0;
};

inline constexpr std::size_t most_listeners = 2;

/// `listener` hears of the ranges that begin while this lives. To be made and ended while no range is open;
/// no more than most_listeners at once (Error "internal.trace").
class Listening {
 public:
  explicit Listening(Listener& listener);
  ~Listening();
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  std::size_t place_;
};

/// From here to the end of the scope, on this thread.
class Range {
 public:
  explicit Range(std::string_view name);
  ~Range();
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

 private:
  std::array<Listener*, most_listeners> heard_by_;
};

}  // namespace peregrine::trace
