#pragma once

#include <filesystem>
#include <optional>
#include <vector>

namespace peregrine::migrate {

/// A folder of this process alone, gone with this object.
class Scratch {
 public:
  /// Throws "migration.measure" where none can be made.
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The images to run on: those that were given, or the built-in sample images as files, as long as this
/// object lives.
class ImageSet {
 public:
  /// Throws "migration.measure" and "output.write" where no temporary files can be made.
  explicit ImageSet(std::vector<std::filesystem::path> given);

  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  std::optional<Scratch> folder_;
  std::vector<std::filesystem::path> files_;
};

}  // namespace peregrine::migrate
