// What `make gpu-sanitize` of a bundle goes through is what there is: every kernel provider but the vendor
// libraries' own.
#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

/// "gemm", ... of every `const KernelProvider x{"gemm", ...`.
std::set<std::string> families_in_the_sources() {
  static const std::regex definition(R"re(const KernelProvider \w+\{"(\w+)")re");
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(test::repository_file("src/engine/cuda"))) {
    if (!entry.is_regular_file()) continue;
    std::ifstream source(entry.path());
    for (std::string line; std::getline(source, line);)
      if (std::smatch match; std::regex_search(line, match, definition)) names.insert(match[1]);
  }
  return names;
}

/// The words of FAMILIES, over lines that end in a backslash.
std::set<std::string> families_under_sanitizers() {
  std::ifstream makefile(test::repository_file("tools/bundle/bundle.mk"));
  std::set<std::string> names;
  bool inside = false;
  for (std::string line; std::getline(makefile, line);) {
    const std::string start = "FAMILIES ?=";
    const bool begins = line.starts_with(start);
    if (!inside && !begins) continue;
    std::istringstream words(begins ? line.substr(start.size()) : line);
    for (std::string word; words >> word;)
      if (word != "\\") names.insert(word);
    inside = line.ends_with("\\");
  }
  return names;
}

TEST(KernelFamilies, AllOfOursAreUnderTheSanitizers) {
  std::set<std::string> ours = families_in_the_sources();
  for (const char* library : {"cudnn", "cublaslt"}) EXPECT_EQ(ours.erase(library), 1u) << library;
  EXPECT_GE(ours.size(), 20u);
  EXPECT_THAT(families_under_sanitizers(), testing::ContainerEq(ours));
}

}  // namespace
}  // namespace peregrine
