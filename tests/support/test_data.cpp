#include "support/test_data.h"

#include <cstdlib>
#include <stdexcept>

namespace peregrine::test {

namespace fs = std::filesystem;

namespace {

/// The checkout; a bundle says where it carries the test files along.
fs::path source_folder() {
  const char* moved = std::getenv("PEREGRINE_SOURCE_DIR");
  return moved ? moved : PEREGRINE_SOURCE_DIR;
}

}  // namespace

std::optional<fs::path> shared_data() {
  const char* configured = std::getenv("PEREGRINE_TEST_DATA");
  const fs::path path = configured ? fs::path(configured) : source_folder() / ".." / "shared" / "data";
  if (fs::exists(path / "weights")) return path;
  return std::nullopt;
}

std::optional<fs::path> shared_weights(const fs::path& data, const std::string& file) {
  const char* unpacked = std::getenv("PEREGRINE_SOAK_WEIGHTS");
  const fs::path here = data / "weights" / file;
  if (fs::exists(here)) return here;
  if (unpacked && fs::exists(fs::path(unpacked) / file)) return fs::path(unpacked) / file;
  if (fs::exists(here.string() + ".xz")) return std::nullopt;
  return here;  // whoever opens it says that it is missing
}

fs::path repository_file(const fs::path& relative) { return source_folder() / relative; }

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "peregrine-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace peregrine::test
