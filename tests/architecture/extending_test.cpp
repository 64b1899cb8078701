// docs/extending says what is there: the files that it names exist, and its code is theirs.
#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

std::string read(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Texts matches(const std::string& text, const std::regex& pattern) {
  Texts found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

/// Paths from the root, in backquotes.
Texts named_files(const std::string& document) {
  return matches(document, std::regex("`((?:src|cli|include|tests|tools|docs)/[\\w./-]+)`"));
}

Texts code_of(const std::string& document) { return matches(document, std::regex("```cpp\n([^`]*)```")); }

/// What a document says that is not so.
Texts untrue(const std::string& document) {
  Texts found;
  std::string code;
  for (const std::string& name : named_files(document)) {
    const fs::path file = test::repository_file(name);
    if (!fs::exists(file)) found.push_back("there is no " + name);
    if (fs::is_regular_file(file)) code += read(file);
  }
  for (const std::string& block : code_of(document))
    if (code.find(block) == std::string::npos) found.push_back("no file that it names has\n" + block);
  return found;
}

TEST(Extending, DocumentsNameFilesThatExistAndQuoteThem) {
  int documents = 0;
  for (const auto& entry : fs::directory_iterator(test::repository_file("docs/extending"))) {
    EXPECT_THAT(untrue(read(entry.path())), testing::IsEmpty()) << entry.path();
    ++documents;
  }
  EXPECT_GE(documents, 2);
  EXPECT_GE(code_of(read(test::repository_file("docs/extending/add-task.md"))).size(), 6u);
}

TEST(Extending, WhatIsNotSoIsFound) {
  EXPECT_THAT(untrue("`src/no/such/file.h` and `README.md`\n```cpp\nint nowhere;\n```\n"),
              testing::SizeIs(2));
}

}  // namespace
}  // namespace peregrine
