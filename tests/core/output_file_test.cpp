#include "core/os/output_file.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>

#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(folder)) all.push_back(entry.path().filename());
  return all;
}

void expect_write_error(const fs::path& path, const std::function<void()>& write) {
  try {
    write();
    ADD_FAILURE() << "written";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "output.write");
    EXPECT_THAT(error.sentence(), testing::HasSubstr(path.filename().native()));
    EXPECT_FALSE(error.hint().empty());
  }
}

void expect_write_error(const fs::path& path, std::string_view text) {
  expect_write_error(path, [&] { write_file(path, text); });
}

TEST(OutputFile, WritesAndReplaces) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "results.json";
  write_file(path, "one");
  write_file(path, "two");
  EXPECT_EQ(contents(path), "two");
  EXPECT_THAT(names(folder.path()), testing::ElementsAre("results.json"));
}

TEST(OutputFile, WithoutCommitNothingIsLeft) {
  const test::TemporaryFolder folder;
  {
    const PendingFile file(folder.path() / "video.mp4");
    EXPECT_EQ(file.temporary().extension(), ".mp4");
    EXPECT_EQ(file.temporary().parent_path(), folder.path());
    std::ofstream(file.temporary()) << "half";
  }
  EXPECT_THAT(names(folder.path()), testing::IsEmpty());
}

TEST(OutputFile, NoSuchFolder) {
  const test::TemporaryFolder folder;
  expect_write_error(folder.path() / "absent" / "a.txt", "text");
}

TEST(OutputFile, PlaceIsAFolder) {
  const test::TemporaryFolder folder;
  fs::create_directory(folder.path() / "a.txt");
  expect_write_error(folder.path() / "a.txt", "text");
  EXPECT_THAT(names(folder.path()), testing::ElementsAre("a.txt"));
}

TEST(OutputFile, FullDiskLeavesTheOldFile) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "a.txt";
  write_file(path, "old");
  // A limit on the size of files stands in for a full disk.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1000, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_write_error(path, std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(contents(path), "old");
  EXPECT_THAT(names(folder.path()), testing::ElementsAre("a.txt"));
}

TEST(OutputFile, FullDeviceIsWrittenStraight) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  expect_write_error("/dev/full", "text");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST(OutputFile, WhetherItCanBeWrittenIsKnownBefore) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "results.json", absent = folder.path() / "absent" / "results.json";
  check_writable(path);
  EXPECT_THAT(names(folder.path()), testing::IsEmpty());
  write_file(path, "old");
  check_writable(path);
  EXPECT_EQ(contents(path), "old");
  check_writable("/dev/null");
  expect_write_error(absent, [&] { check_writable(absent); });
  expect_write_error(folder.path(), [&] { check_writable(folder.path()); });
}

TEST(OutputFile, GrowsAndAppearsWhole) {
  const test::TemporaryFolder folder;
  const fs::path path = folder.path() / "lines.jsonl";
  write_file(path, "old");
  {
    GrowingFile file(path);
    file.append("one\n");
    EXPECT_EQ(contents(path), "old");
  }
  EXPECT_EQ(contents(path), "old");
  EXPECT_THAT(names(folder.path()), testing::ElementsAre("lines.jsonl"));
  GrowingFile file(path);
  file.append("one\n");
  file.append("two\n");
  file.commit();
  EXPECT_EQ(contents(path), "one\ntwo\n");
  EXPECT_THAT(names(folder.path()), testing::ElementsAre("lines.jsonl"));
}

TEST(OutputFile, GrowingIntoADeviceIsStraight) {
  GrowingFile null("/dev/null");
  null.append("text");
  null.commit();
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  GrowingFile full("/dev/full");
  expect_write_error("/dev/full", [&] { full.append("text"); });
}

TEST(OutputFile, AStaleAnswerGoesAndNothingElse) {
  const test::TemporaryFolder folder;
  write_file(folder.path() / "old.json", "{}");
  fs::create_symlink("old.json", folder.path() / "link");
  fs::create_directory(folder.path() / "empty");
  EXPECT_FALSE(remove_stale(folder.path() / "empty"));
  EXPECT_FALSE(remove_stale(folder.path() / "absent"));
  EXPECT_FALSE(remove_stale("/dev/null"));
  EXPECT_TRUE(remove_stale(folder.path() / "link"));
  EXPECT_FALSE(fs::exists(folder.path() / "old.json"));
  EXPECT_TRUE(fs::is_directory(folder.path() / "empty"));
}

TEST(OutputFile, FollowsALinkAndKeepsIt) {
  const test::TemporaryFolder folder;
  write_file(folder.path() / "target", "old");
  fs::create_symlink("target", folder.path() / "link");
  write_file(folder.path() / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(contents(folder.path() / "target"), "new");
}

}  // namespace
}  // namespace peregrine
