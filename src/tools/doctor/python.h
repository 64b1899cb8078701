// Finds the user's own Python with torch and ultralytics, and runs their pipeline over the models.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace peregrine::doctor {

struct FoundPython {
  std::string program;                      ///< as it is called; empty where none runs
  std::string version, torch, ultralytics;  ///< empty: not installed
  std::string why;                          ///< in words, why it cannot serve; empty when it can
  bool usable() const { return why.empty(); }
};

/// `wanted` and no other, or, when it is empty, the first usable one of the active environment's and PATH's.
/// Packages are looked up, not imported: that is quick and leaves nothing behind. `stop` is asked while one
/// is waited for: true ends that (Error "interrupted").
FoundPython find_python(const std::filesystem::path& wanted, std::chrono::milliseconds limit,
                        const std::function<bool()>& stop = {});

}  // namespace peregrine::doctor
