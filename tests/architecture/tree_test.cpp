// What the tree promises beside the dependency rule: small folders, vendor headers in one folder each.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

constexpr int most_files = 20;

bool is_code(const fs::path& path) {
  return std::set<std::string>{".h", ".cpp", ".cu", ".cuh"}.contains(path.extension().string());
}

/// Calls `visit` with the path, relative to src, of every file of code.
template <class Visit>
int for_each_source(Visit&& visit) {
  const fs::path root = test::repository_file("src");
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file() && is_code(entry.path())) visit(fs::relative(entry.path(), root)), ++files;
  return files;
}

/// Headers of a vendor, and the folders of src whose files may include them.
struct Vendor {
  const char* headers;
  std::vector<std::string> folders;
};

const std::vector<Vendor>& vendors() {
  static const std::vector<Vendor> all{
      {R"(lib(av|sw)\w+/.*)", {"stages/source/video"}},
      {R"(jpeglib\.h|png\.h|webp/.*|tiff.*\.h|gif_lib\.h|avif/.*|openjpeg.*)", {"stages/decode"}},
      {R"(curl/.*)", {"stages/source"}},
      {R"(nvjpeg\.h)", {"stages/decode/cuda"}},
      {R"(openvino/.*)", {"engine/openvino"}},
      {R"(cudnn.*|cublasLt\.h)", {"engine/cuda/libraries"}},
      {R"(cutlass/.*|cute/.*)", {"engine/cuda/kernels/cutlass", "engine/cuda/kernels/sm90"}},
      {R"(cupti\.h)", {"tools/audit/cuda"}},
      {R"(nvtx3/.*)", {"cuda"}},
      {R"(zip\.h)", {"formats/torch"}},
      {R"(onnx\.pb\.h)", {"formats/onnx"}},
      {R"(toml\+\+/.*)", {"settings"}},
      {R"(openssl/.*)", {"core"}},
  };
  return all;
}

/// Sentences about vendor headers that a file may not include.
std::vector<std::string> strangers(const std::string& path, std::istream& source) {
  static const std::regex include(R"re(^\s*#\s*include\s+["<]([^">]+)[">])re");
  std::vector<std::string> found;
  for (std::string line; std::getline(source, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, include)) continue;
    const std::string header = match[1];
    for (const Vendor& vendor : vendors()) {
      if (!std::regex_match(header, std::regex(vendor.headers))) continue;
      const auto holds = [&](const std::string& folder) { return path.starts_with(folder + "/"); };
      if (std::ranges::none_of(vendor.folders, holds)) found.push_back(path + " includes " + header);
    }
  }
  return found;
}

TEST(Tree, NoFolderHoldsOverTwentyFilesOfCode) {
  std::map<std::string, int> files;
  ASSERT_GT(for_each_source([&](const fs::path& path) { ++files[path.parent_path().string()]; }), 20);
  for (const auto& [folder, count] : files) EXPECT_LE(count, most_files) << "src/" << folder;
}

TEST(Tree, VendorHeadersStayInTheirFolder) {
  for_each_source([](const fs::path& path) {
    std::ifstream source(test::repository_file("src") / path);
    EXPECT_THAT(strangers(path.string(), source), testing::IsEmpty());
  });
}

TEST(Tree, AStrayVendorHeaderIsFound) {
  std::istringstream source("#include <vector>\n#include <libavutil/opt.h>\n#include <jpeglib.h>\n");
  EXPECT_EQ(strangers("stages/render/draw.cpp", source).size(), 2u);
}

}  // namespace
}  // namespace peregrine
