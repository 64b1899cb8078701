#include "tools/migrate/baseline/images.h"

#include <fmt/format.h>
#include <stdlib.h>

#include "core/os/output_file.h"
#include "engine_cache/validation/sample_images.h"
#include "peregrine/error.h"

namespace peregrine::migrate {

namespace fs = std::filesystem;

Scratch::Scratch() {
  std::string name = (fs::temp_directory_path() / "peregrine-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw Error("migration.measure", "No temporary folder could be made.");
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

ImageSet::ImageSet(std::vector<fs::path> given) : files_(std::move(given)) {
  if (!files_.empty()) return;
  folder_.emplace();
  for (const auto& scene : engine_cache::sample_image_files()) {
    files_.push_back(folder_->path() / fmt::format("{}.jpg", files_.size()));
    write_file(files_.back(), scene);
  }
}

}  // namespace peregrine::migrate
