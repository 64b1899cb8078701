#include "migrate/pictures.h"

#include <fmt/format.h>
#include <stdlib.h>

#include "base/output_file.h"
#include "peregrine/error.h"
#include "provision/scenes.h"

namespace peregrine::migrate {

namespace fs = std::filesystem;

Pictures::Pictures(std::vector<fs::path> given) : files_(std::move(given)) {
  if (!files_.empty()) return;
  std::string name = (fs::temp_directory_path() / "peregrine-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw Error("migration.measure", "No temporary folder could be made.");
  folder_ = name;
  for (const auto& scene : provision::scene_files()) {
    files_.push_back(folder_ / fmt::format("{}.jpg", files_.size()));
    write_file(files_.back(), scene);
  }
}

Pictures::~Pictures() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace peregrine::migrate
