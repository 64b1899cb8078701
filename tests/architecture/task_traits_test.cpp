// What a task is stands in one table: nothing in src and cli asks for a task by its name.
#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <set>

#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

/// Lines that compare with a task, or switch over tasks.
std::vector<std::string> comparisons(std::istream& source) {
  static const std::regex comparison(R"re([!=]=\s*Task::|Task::\w+\s*[!=]=|\bcase\s+Task::)re");
  std::vector<std::string> found;
  for (std::string line; std::getline(source, line);)
    if (std::regex_search(line, comparison)) found.push_back(line);
  return found;
}

TEST(TaskTraits, NoTaskIsAskedForByItsName) {
  int files = 0;
  for (const char* folder : {"src", "cli"})
    for (const auto& entry : fs::recursive_directory_iterator(test::repository_file(folder))) {
      const std::set<std::string> code{".h", ".cpp", ".cu", ".cuh"};
      if (!code.contains(entry.path().extension().string())) continue;
      std::ifstream source(entry.path());
      EXPECT_THAT(comparisons(source), testing::IsEmpty()) << entry.path() << ": ask its TaskTraits instead";
      ++files;
    }
  EXPECT_GT(files, 100);
}

TEST(TaskTraits, AComparisonIsFound) {
  std::istringstream source(
      "if (model.task == Task::pose) a();\nif (Task::reid != task) b();\n  case Task::segment: c();\n"
      "  at(Task::pose) = d;\n");
  EXPECT_EQ(comparisons(source).size(), 3u);
}

}  // namespace
}  // namespace peregrine
