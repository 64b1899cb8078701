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
