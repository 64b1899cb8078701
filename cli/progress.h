// Progress: a bar on a terminal, a line each tenth otherwise.
#pragma once

#include <cstddef>
#include <string>

namespace peregrine::cli {

class Progress {
 public:
  /// `what` names the things counted: "images". Silent when `quiet`.
  Progress(std::string what, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `total` 0: unknown. What is done may begin anew, with another video or step.
  void update(std::size_t done, std::size_t total, const std::string& item);
  /// Removes the bar so that another line can be printed.
  void clear();
  /// Another thing is counted from here on.
  void restart();

 private:
  /// In a log: whether what is done is worth a line.
  bool is_due(std::size_t done, std::size_t total);

  std::string what_;
  bool quiet_;
  bool terminal_;
  bool shown_ = false;
  std::size_t last_ = 0;  ///< done, at the last update
  std::size_t due_ = 0;   ///< tenth, or without a total number, of the next line
  std::size_t lines_ = 0;
};

}  // namespace peregrine::cli
