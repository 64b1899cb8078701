// The persons that ReID is measured on: images of one person each.
#pragma once

#include <filesystem>
#include <vector>

#include "peregrine/image.h"
#include "tools/migrate/baseline/images.h"

namespace peregrine::migrate {

/// Whole images where some were given, otherwise the built-in sample images in upright strips, as the
/// validation takes them; the first sixty-four. As JPEG files and, of the same pixels, as files of 8-bit BGR,
/// as long as this object lives.
class Persons {
 public:
  /// Throws "image..." for an image that cannot be read, and what Scratch throws.
  explicit Persons(const std::vector<std::filesystem::path>& given);

  struct Raw {
    std::filesystem::path file;
    int width = 0, height = 0;
  };
  const std::vector<std::filesystem::path>& files() const { return files_; }
  const std::vector<Raw>& raw() const { return raw_; }

 private:
  void add(const HostImage& person);

  Scratch folder_;
  std::vector<std::filesystem::path> files_;
  std::vector<Raw> raw_;
};

}  // namespace peregrine::migrate
