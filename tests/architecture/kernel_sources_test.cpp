// Every file of kernels is laid out in one way: kernels, then launchers, each behind its banner; before each
// kernel what it computes, in what memory and behind which barriers. Launches are checked, launch attributes
// are set in one place, and nothing is allocated.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Lines = std::vector<std::string>;

bool holds(const std::string& line, std::string_view text) { return line.find(text) != std::string::npos; }

std::size_t first_with(const Lines& lines, std::string_view text) {
  const auto holding = [&](const std::string& line) { return holds(line, text); };
  return static_cast<std::size_t>(std::ranges::find_if(lines, holding) - lines.begin());
}

/// The comment before the declaration that `line` is part of.
std::string comment_before(const Lines& lines, std::size_t line) {
  while (line > 0 && !lines[line - 1].empty() && !lines[line - 1].starts_with("///")) --line;
  std::string comment;
  for (; line > 0 && lines[line - 1].starts_with("///"); --line) comment = lines[line - 1] + "\n" + comment;
  return comment;
}

void check_kernel(const Lines& lines, std::size_t line, Lines& faults) {
  const std::string comment = comment_before(lines, line), where = ":" + std::to_string(line + 1);
  if (!holds(comment, "Shared memory")) faults.push_back(where + " says nothing of shared memory");
  if (!holds(comment, "Barriers")) faults.push_back(where + " says nothing of barriers");
  if (first_with(lines, "--- kernels") >= line)
    faults.push_back(where + " stands before the banner of kernels");
}

void check_launch(const Lines& lines, std::size_t line, Lines& faults) {
  const std::string where = ":" + std::to_string(line + 1);
  if (first_with(lines, "--- launchers") >= line)
    faults.push_back(where + " stands before the banner of launchers");
  const auto end = std::min(line + 8, lines.size());
  for (std::size_t i = line; i < end; ++i)
    if (holds(lines[i], "check_launch(")) return;
  faults.push_back(where + " is not checked");
}

/// What is wrong with the text of a file of kernels.
Lines faults_of(std::istream& file) {
  static const std::regex allocation(
      R"(\b(cuda(Malloc|Free|HostAlloc)|cuMem(Alloc|Free)|(Device|Pinned)(Buffer|Array)\b|MemoryPool\b))");
  Lines lines, faults;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].starts_with("__global__")) check_kernel(lines, i, faults);
    if (holds(lines[i], "<<<")) check_launch(lines, i, faults);
    if (std::regex_search(lines[i], allocation)) faults.push_back(":" + std::to_string(i + 1) + " allocates");
  }
  return faults;
}

TEST(KernelSources, AreLaidOutInOneWayAndAllocateNothing) {
  int kernels = 0;
  for (const char* folder : {"src/engine/cuda/kernels", "src/stages"})
    for (const auto& entry : fs::recursive_directory_iterator(test::repository_file(folder))) {
      if (entry.path().extension() != ".cu" && entry.path().extension() != ".cuh") continue;
      std::ifstream file(entry.path());
      EXPECT_THAT(faults_of(file), IsEmpty()) << entry.path();
      ++kernels;
    }
  EXPECT_GE(kernels, 40);
}

TEST(KernelSources, LaunchAttributesAreSetInOnePlace) {
  for (const auto& entry : fs::recursive_directory_iterator(test::repository_file("src"))) {
    if (!entry.is_regular_file() || entry.path().filename() == "launch.cuh") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);)
      EXPECT_FALSE(holds(line, "cudaLaunchAttribute") || holds(line, "cudaLaunchKernelEx")) << entry.path();
  }
}

TEST(KernelSources, TheCheckFindsEachFault) {
  std::istringstream bare("__global__ void kernel() {}\n");
  EXPECT_THAT(faults_of(bare), SizeIs(3));
  std::istringstream unchecked("// --- launchers\n\nkernel<<<1, 1>>>();\n");
  EXPECT_THAT(faults_of(unchecked), SizeIs(1));
  std::istringstream allocating("  DeviceBuffer scratch(4, \"scratch\");\n  cudaMallocAsync(&p, 4, s);\n");
  EXPECT_THAT(faults_of(allocating), SizeIs(2));
  std::istringstream right(
      "// --- kernels\n\n/// y = x.\n/// Shared memory: none.\n/// Barriers: none.\ntemplate <class T>\n"
      "__global__ void kernel() {}\n// --- launchers\n\nkernel<<<1, 1>>>();\ncheck_launch(\"kernel\");\n");
  EXPECT_THAT(faults_of(right), IsEmpty());
}

}  // namespace
}  // namespace peregrine
