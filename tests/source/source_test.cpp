#include "source/source.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "support/test_data.h"

namespace peregrine::source {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class Source : public testing::Test {
 protected:
  std::string make(const std::string& name, const std::string& contents = "x") {
    const fs::path path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << contents;
    return path;
  }
  std::string at(const std::string& name) const { return folder_.path() / name; }

  /// Names below the folder; items with an error as their code.
  std::vector<std::string> expanded(const std::vector<std::string>& arguments) const {
    std::vector<std::string> names;
    for (const Item& item : expand(arguments)) {
      names.push_back(item.error ? item.error->code() : item.path.lexically_relative(folder_.path()).native());
      if (!item.error) continue;
      EXPECT_THAT(item.error->sentence(), testing::StartsWith(item.display));
      EXPECT_FALSE(item.error->hint().empty());
    }
    return names;
  }

  test::TemporaryFolder folder_;
};

TEST_F(Source, FilesStayInTheirOrderWhateverTheirNames) {
  EXPECT_THAT(expanded({make("b.jpg"), make("a.txt"), make("odd[1].jpg")}), ElementsAre("b.jpg", "a.txt", "odd[1].jpg"));
}

TEST_F(Source, FolderGivesItsPicturesInNaturalOrder) {
  for (const char* name :
       {"f10.jpg", "f2.JPG", "f002.png", "f1.webp", "F3.ppm", "notes.txt", ".hidden.jpg", "sub/inner.jpg", "g.bmp"})
    make(name);
  EXPECT_THAT(expanded({at("")}), ElementsAre("F3.ppm", "f1.webp", "f2.JPG", "f002.png", "f10.jpg", "g.bmp"));
}

TEST_F(Source, GlobGivesItsMatchesInNaturalOrder) {
  for (const char* name : {"a/2.jpg", "a/10.jpg", "b/1.jpg", "a/3.txt", "a/4.jpg.d/x"}) make(name);
  EXPECT_THAT(expanded({at("*/*.jpg")}), ElementsAre("a/2.jpg", "a/10.jpg", "b/1.jpg"));
  EXPECT_THAT(expanded({at("a/[34].*")}), ElementsAre("a/3.txt"));
}

TEST_F(Source, WhatGivesNothingCostsOnlyItself) {
  make("empty/notes.txt");
  const std::string good = make("good.jpg");
  EXPECT_THAT(expanded({at("absent.jpg"), good, at("empty"), at("*.png"), ""}),
              ElementsAre("source.missing", "good.jpg", "source.empty", "source.missing", "source.missing"));
}

TEST_F(Source, NamesThatAreNotUtf8AreShownEscaped) {
  const std::string path = make("caf\xe9.jpg", "pixels");
  const std::vector<Item> items = expand({at("")});
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].path, path);
  EXPECT_THAT(items[0].display, testing::EndsWith("caf\\xe9.jpg"));
  EXPECT_EQ(read_file(items[0]).size(), 6u);
}

TEST_F(Source, VideosAndStreams) {
  const std::vector<Item> items = expand({make("a.mp4"), make("b.jpg"), "-", "rtsp://user:secret@camera/1", at("absent.mp4")});
  ASSERT_EQ(items.size(), 5u);
  EXPECT_TRUE(items[0].video);
  EXPECT_FALSE(items[1].video);
  EXPECT_TRUE(items[2].video);
  EXPECT_EQ(items[2].path, "-");
  EXPECT_TRUE(items[3].video);
  EXPECT_EQ(items[3].path, "rtsp://user:secret@camera/1");
  EXPECT_EQ(items[3].display, "rtsp://user:***@camera/1");
  EXPECT_TRUE(items[4].error);
}

std::string reading(const Item& item, std::uint64_t max_bytes = default_max_bytes) {
  try {
    read_file(item, max_bytes);
    return "none";
  } catch (const Error& error) {
    EXPECT_THAT(error.sentence(), testing::HasSubstr(item.display));
    EXPECT_FALSE(error.hint().empty());
    return error.code();
  }
}

TEST_F(Source, ReadsWholeFiles) {
  const std::string contents(300'000, 'p');
  EXPECT_EQ(read_file(expand({make("a.jpg", contents)})[0]).size(), contents.size());
  EXPECT_EQ(reading(expand({make("a.jpg", contents)})[0], 299'999), "image.too_large");
  EXPECT_EQ(reading(expand({make("a.jpg", contents)})[0], 300'000), "none");
}

TEST_F(Source, ReadingFailsWithTheReason) {
  EXPECT_EQ(reading(expand({make("nothing.jpg", "")})[0]), "image.empty");
  EXPECT_EQ(reading(expand({at("absent.jpg")})[0]), "source.missing");
  EXPECT_EQ(reading({folder_.path(), "folder", {}, false}), "image.unreadable");
  EXPECT_EQ(reading({folder_.path() / "gone.jpg", "gone.jpg", {}, false}), "image.unreadable");
}

TEST_F(Source, EndlessFilesAreCut) { EXPECT_EQ(reading({"/dev/zero", "/dev/zero", {}, false}, 1 << 20), "image.too_large"); }

}  // namespace
}  // namespace peregrine::source
