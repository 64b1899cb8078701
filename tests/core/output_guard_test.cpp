#include "core/os/output_guard.h"

#include <gmock/gmock.h>

#include <fstream>
#include <functional>

#include "core/os/output_file.h"
#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

class OutputGuardTest : public testing::Test {
 protected:
  fs::path file(const std::string& name) const {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << name;
    return path;
  }
  static std::string refusal(const OutputGuard& guard) {
    try {
      guard.check();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "usage.output");
      EXPECT_FALSE(error.hint().empty());
      return error.sentence();
    }
    return "none";
  }
  /// What is said of an output beside photo.jpg, which is read.
  std::string refusal(const fs::path& output) const {
    OutputGuard guard;
    guard.reads(folder_.path() / "photo.jpg", "the source");
    guard.writes(output, "--json");
    return refusal(guard);
  }
  test::TemporaryFolder folder_;
};

TEST_F(OutputGuardTest, AnInputIsKnownByWhateverPath) {
  const fs::path photo = file("photo.jpg");
  fs::create_symlink("photo.jpg", folder_.path() / "link.json");
  fs::create_symlink("link.json", folder_.path() / "link of a link");
  fs::create_hard_link(photo, folder_.path() / "hard.json");
  fs::create_directory_symlink(folder_.path(), folder_.path() / "again");
  for (const fs::path& output :
       {photo, folder_.path() / "." / "photo.jpg", folder_.path() / "again" / "photo.jpg",
        folder_.path() / "link.json", folder_.path() / "link of a link", folder_.path() / "hard.json"})
    EXPECT_THAT(refusal(output), testing::AllOf(testing::HasSubstr("--json " + output.string()),
                                                testing::HasSubstr("the source " + photo.string())))
        << output;
}

TEST_F(OutputGuardTest, WhatIsNoInputMayBeReplaced) {
  file("photo.jpg");
  fs::create_symlink("nowhere", folder_.path() / "dangling");
  for (const fs::path& output :
       {file("other.jpg"), folder_.path() / "new.json", folder_.path() / "dangling",
        folder_.path() / "no folder" / "new.json", fs::path("-"), fs::path(), fs::path("/dev/null")})
    EXPECT_EQ(refusal(output), "none") << output;
}

TEST_F(OutputGuardTest, OfAFolderAllFilesAreInputs) {
  const fs::path deep = file("data/val2017/a.jpg");
  OutputGuard guard;
  guard.reads(folder_.path() / "data", "the data set's");
  guard.reads(folder_.path() / "absent", "the source");
  guard.writes(folder_.path() / "data" / "scores.json", "--json");
  EXPECT_EQ(refusal(guard), "none");
  guard.writes(deep, "--report");
  EXPECT_THAT(refusal(guard), testing::HasSubstr("a.jpg"));
  EXPECT_THROW(guard.check(deep, "--save"), Error);
  EXPECT_NO_THROW(guard.check(folder_.path() / "b.jpg", "--save"));
}

TEST_F(OutputGuardTest, TwoOutputsAreTwoFiles) {
  OutputGuard guard;
  guard.writes(folder_.path() / "a", "--json");
  guard.writes(folder_.path() / "b", "--report");
  guard.writes("/dev/null", "--out");
  guard.writes("/dev/null", "--timing-cache");
  EXPECT_EQ(refusal(guard), "none");
  guard.writes(folder_.path() / "." / "a", "--page");
  EXPECT_THAT(refusal(guard), testing::AllOf(testing::HasSubstr("--json"), testing::HasSubstr("--page")));
}

}  // namespace
}  // namespace peregrine
