// Places at which a test lets the process die, or throws: one before each kind of change to the disk, and one
// between the steps of what must look like a single change. Outside tests a crash point is one look at an
// empty std::function.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace peregrine {

/// Every name there is. A name that is not here does not compile; the tests of crashes fail for one that is
/// never reached.
inline constexpr std::array<std::string_view, 17> crash_points{
    // store/files.cpp: before each change to the disk
    "file.create", "file.write", "file.sync", "file.rename", "file.link", "file.remove", "folder.make",
    "folder.sync", "folder.remove",
    // store: between the steps of one change
    "engine.plan_written", "service.generation_kept",
    // tools/migrate/migrator.cpp: before each step
    "migrate.step",
    // tools/migrate/rollback/backup.cpp
    "backup.files_kept", "restore.verified", "restore.engines_back", "restore.configuration_back",
    "restore.switched"};

/// A name out of the table.
class CrashPoint {
 public:
  consteval CrashPoint(const char* name)
      : name_(name) {  // NOLINT(google-explicit-constructor): crash_point("file.write")
    if (std::ranges::find(crash_points, name_) == crash_points.end()) throw "not a name of the table";
  }
  std::string_view name() const { return name_; }

 private:
  std::string_view name_;
};

/// Set by tests before the work begins: kills the process, or throws, where it wants to. Empty in the
/// product.
inline std::function<void(std::string_view name)> crash_observer;

inline void crash_point(CrashPoint point) {
  if (crash_observer) crash_observer(point.name());
}

}  // namespace peregrine
