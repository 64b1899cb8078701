// Lines of code have at most 110 columns, so that two files lie side by side.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_columns = 110;

TEST(Lines, HaveAtMost110Columns) {
  for (const char* folder : {"src", "include", "cli", "tests", "bench"})
    for (const auto& entry : fs::recursive_directory_iterator(test::repository_file(folder))) {
      if (!std::set<std::string>{".h", ".cpp", ".cu", ".cuh"}.contains(entry.path().extension().string()))
        continue;
      std::ifstream file(entry.path());
      int number = 0;
      for (std::string line; std::getline(file, line);)
        if (++number; line.size() > most_columns)
          ADD_FAILURE() << entry.path() << ":" << number << " has " << line.size() << " columns";
    }
}

}  // namespace
}  // namespace peregrine
