// Progress: a bar on a terminal, plain lines otherwise.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace peregrine::cli {

class Progress {
 public:
  /// `what` names the things counted: "images". Silent when `quiet`.
  Progress(std::string what, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `total` 0: unknown.
  void update(std::size_t done, std::size_t total, const std::string& item);
  /// Removes the bar so that another line can be printed.
  void clear();

 private:
  std::string what_;
  bool quiet_;
  bool terminal_;
  bool shown_ = false;
  std::optional<std::size_t> last_{};  ///< a line that is as far as the one before it is left out
};

}  // namespace peregrine::cli
