// What commands read and write, for the guard that keeps the one from the other.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common.h"
#include "core/os/output_guard.h"

namespace peregrine::cli {

/// With what every command reads: the settings file. Begins the log, so that a refusal is said like any
/// other.
OutputGuard guard_of(const CommonFlags& common);

void add_models(OutputGuard& guard, const std::vector<std::filesystem::path>& models);
/// Files, folders and globs as source::expand() takes them; streams are no files.
void add_sources(OutputGuard& guard, const std::vector<std::string>& sources);
/// An annotated data set, COCO's or ReID's, as `val` and `migrate` read it.
void add_data_set(OutputGuard& guard, const std::filesystem::path& folder);
/// The store's own files, and TensorRT's library where one is named: known once the settings are.
void add_settings(OutputGuard& guard, const Settings& settings);

/// Names of annotated files in a folder: that of the source, with a number where several sources are called
/// alike.
class AnnotatedNames {
 public:
  explicit AnnotatedNames(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// `source` as it is shown; `video`: its frames become one file.
  std::filesystem::path next(const std::filesystem::path& source, bool video);

 private:
  std::filesystem::path folder_;
  std::map<std::string, int> seen_;  ///< by the name without its extension
  std::set<std::string> used_;
};

}  // namespace peregrine::cli
