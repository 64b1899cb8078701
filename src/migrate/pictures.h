#pragma once

#include <filesystem>
#include <vector>

namespace peregrine::migrate {

/// The pictures to run on: those that were given, or the built-in scenes as files, as long as this object lives.
class Pictures {
 public:
  /// Throws "migration.measure" and "output.write" where no temporary files can be made.
  explicit Pictures(std::vector<std::filesystem::path> given);
  ~Pictures();
  Pictures(const Pictures&) = delete;
  Pictures& operator=(const Pictures&) = delete;

  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  std::filesystem::path folder_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace peregrine::migrate
