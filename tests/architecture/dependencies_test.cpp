// The dependency rule of ARCHITECTURE.md, checked against every #include under src/.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using Rules = std::map<std::string, std::set<std::string>>;

Rules read_rules() {
  std::ifstream document(test::repository_file("ARCHITECTURE.md"));
  Rules rules;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line == "```dependencies")
      inside = true;
    else if (line == "```")
      inside = false;
    else if (inside) {
      std::istringstream words(line);
      std::string folder, word;
      words >> folder >> word;
      auto& allowed = rules[folder];
      while (words >> word) allowed.insert(word);
    }
  }
  return rules;
}

/// The longest folder of the rules that holds a path; empty where none does.
std::string folder_of(const Rules& rules, const std::string& path) {
  std::string best;
  for (const auto& [folder, allowed] : rules)
    if (path.starts_with(folder + "/") && folder.size() > best.size()) best = folder;
  return best;
}

/// Sentences about includes that the rules do not allow.
std::vector<std::string> violations(const Rules& rules, const std::string& path, std::istream& source) {
  static const std::regex include(R"re(^\s*#\s*include\s+"([^"]+)")re");
  const std::string folder = folder_of(rules, path);
  std::vector<std::string> found;
  if (folder.empty()) return {path + " lies in no folder of the rules"};
  for (std::string line; std::getline(source, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, include)) continue;
    const std::string target = folder_of(rules, match[1]);
    if (!target.empty() && target != folder && !rules.at(folder).contains(target))
      found.push_back(path + " includes " + match[1].str());
  }
  return found;
}

TEST(Dependencies, RulesAreAcyclic) {
  const Rules rules = read_rules();
  ASSERT_GE(rules.size(), 10u);
  for (const auto& [folder, allowed] : rules)
    for (const std::string& other : allowed) {
      ASSERT_TRUE(rules.contains(other)) << folder << " -> " << other;
      EXPECT_FALSE(rules.at(other).contains(folder)) << folder << " <-> " << other;
    }
}

TEST(Dependencies, EveryIncludeFollowsTheRules) {
  const Rules rules = read_rules();
  const fs::path root = test::repository_file("src");
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!std::set<std::string>{".h", ".cpp", ".cu", ".cuh"}.contains(entry.path().extension().string()))
      continue;
    std::ifstream source(entry.path());
    for (const std::string& sentence : violations(rules, fs::relative(entry.path(), root).string(), source))
      ADD_FAILURE() << sentence;
    ++files;
  }
  EXPECT_GT(files, 20);
}

TEST(Dependencies, AForbiddenIncludeIsFound) {
  std::istringstream source("#include <vector>\n#include \"stages/preprocess/letterbox.h\"\n");
  EXPECT_EQ(violations(read_rules(), "stages/decode/decode.cpp", source).size(), 1u);
}

}  // namespace
}  // namespace peregrine
