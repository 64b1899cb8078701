// One thing has one name (docs/reference/glossary.md): retired words, phrases and file names do not come
// back, and a type name means one thing.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

/// Lines of a list beside this file: "word: reason", comments begin with '#'.
std::map<std::string, std::string> list(const char* name) {
  std::ifstream file(test::repository_file("tests/architecture") / name);
  std::map<std::string, std::string> entries;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto colon = line.find(": ");
    entries[line.substr(0, colon)] = colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return entries;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Files of src, include and cli, relative to the root.
std::vector<fs::path> sources() {
  const fs::path root = test::repository_file("");
  std::vector<fs::path> found;
  for (const char* folder : {"src", "include", "cli"})
    for (const auto& entry : fs::recursive_directory_iterator(root / folder))
      if (std::set<std::string>{".h", ".cpp", ".cu", ".cuh"}.contains(entry.path().extension().string()))
        found.push_back(fs::relative(entry.path(), root));
  return found;
}

/// The file's text with runs of white space and the slashes of comments as one space, so that a phrase is
/// found over lines.
std::string flowing(const std::string& text) {
  static const std::regex breaks(R"re(\s*\n\s*(///?<?\s*)?)re");
  return std::regex_replace(text, breaks, " ");
}

std::set<std::string> words_of(const std::string& text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
  return words;
}

/// Names of classes, structs and enumerations that a file defines in a namespace of its own or at the
/// outermost level.
std::set<std::string> types_of(const std::string& text) {
  static const std::regex definition(
      R"re(^(?:struct|class|enum class|union) (?:\w+\([^)]*\) )?(\w+)(?: final)?(?: :[^;{]*)? \{)re",
      std::regex::multiline);
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), definition), end; it != end; ++it)
    names.insert((*it)[1]);
  return names;
}

TEST(Vocabulary, RetiredIdentifiersDoNotComeBack) {
  const auto retired = list("retired_identifiers.txt");
  ASSERT_GE(retired.size(), 20u);
  for (const fs::path& path : sources()) {
    const auto words = words_of(read(test::repository_file(path)));
    for (const auto& [word, instead] : retired)
      EXPECT_FALSE(words.contains(word)) << path << " says " << word << ": " << instead;
  }
}

TEST(Vocabulary, RetiredPhrasesDoNotComeBack) {
  const auto retired = list("retired_phrases.txt");
  ASSERT_GE(retired.size(), 5u);
  for (const fs::path& path : sources()) {
    const std::string text = flowing(read(test::repository_file(path)));
    for (const auto& [phrase, instead] : retired)
      EXPECT_EQ(text.find(phrase), std::string::npos) << path << ": \"" << phrase << "\": " << instead;
  }
}

TEST(Vocabulary, RetiredFileNamesDoNotComeBack) {
  const auto retired = list("retired_files.txt");
  for (const fs::path& path : sources()) EXPECT_FALSE(retired.contains(path.filename().string())) << path;
}

TEST(Vocabulary, ATypeNameMeansOneThing) {
  const auto known = list("homonyms.txt");
  std::map<std::string, std::vector<std::string>> places;
  for (const fs::path& path : sources()) {
    if (!path.string().starts_with("src/")) continue;
    for (const std::string& name : types_of(read(test::repository_file(path))))
      places[name].push_back(path.string());
  }
  for (const auto& [name, where] : places)
    EXPECT_TRUE(where.size() == 1 || known.contains(name))
        << name << " is defined in " << testing::PrintToString(where);
  for (const auto& [name, reason] : known) {
    EXPECT_FALSE(reason.empty()) << name;
    EXPECT_GT(places[name].size(), 1u) << name << " is no homonym any more";
  }
}

TEST(Vocabulary, TypesAndPhrasesAreFound) {
  EXPECT_THAT(types_of("namespace a {\nstruct One {\nenum class Two : int {\nclass Three final : public One "
                       "{\nstruct Four;\n"),
              testing::ElementsAre("One", "Three", "Two"));
  EXPECT_THAT(flowing("/// it is held\n  /// against FP32"), testing::HasSubstr("held against"));
}

}  // namespace
}  // namespace peregrine
