#include "stages/source/source.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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
    for (const Item& item : expand(arguments).items) {
      names.push_back(item.error ? item.error->code()
                                 : item.path.lexically_relative(folder_.path()).native());
      if (!item.error) continue;
      EXPECT_THAT(item.error->sentence(), testing::StartsWith(item.display));
      EXPECT_FALSE(item.error->hint().empty());
    }
    return names;
  }

  test::TemporaryFolder folder_;
};

TEST_F(Source, FilesStayInTheirOrderWhateverTheirNames) {
  EXPECT_THAT(expanded({make("b.jpg"), make("a.dat"), make("odd[1].jpg")}),
              ElementsAre("b.jpg", "a.dat", "odd[1].jpg"));
}

TEST_F(Source, FolderGivesItsImagesInNaturalOrder) {
  for (const char* name : {"f10.jpg", "f2.JPG", "f002.png", "f1.webp", "F3.ppm", "notes.txt", ".hidden.jpg",
                           "sub/inner.jpg", "g.bmp"})
    make(name);
  EXPECT_THAT(expanded({at("")}), ElementsAre("F3.ppm", "f1.webp", "f2.JPG", "f002.png", "f10.jpg", "g.bmp"));
}

std::string left_out(const Expansion& expansion) {
  std::string text;
  for (const LeftOut& each : expansion.left_out) text += describe(each) + "\n";
  return text;
}

const std::string jpeg = "\xff\xd8\xff\xe0", png = "\x89PNG\r\n\x1a\n";

TEST_F(Source, FolderGivesEveryFormatAndVideosInOneNaturalOrder) {
  for (const char* name :
       {"1.tif", "2.TIFF", "3.gif", "4.mp4", "5.avif", "6.jp2", "7.j2k", "8.mpo", "9.mkv", "10.jpg"})
    make(name);
  make("11", jpeg);
  EXPECT_THAT(expanded({at("")}), ElementsAre("1.tif", "2.TIFF", "3.gif", "4.mp4", "5.avif", "6.jp2", "7.j2k",
                                              "8.mpo", "9.mkv", "10.jpg", "11"));
  EXPECT_EQ(left_out(expand({at("")})), "");
}

TEST_F(Source, WhatAFolderHoldsBesideIsCountedByKind) {
  for (const char* name :
       {"a.txt", "b.TXT", "c.cr2", "d.heic", ".hidden.jpg", ".DS_Store", "sub/x.jpg", "sub2/x.jpg", "e.jpg"})
    make(name);
  make("picture", png);
  make("Makefile", "BM is how this text begins");
  make("notes", "P1 begins a note");
  ::mkfifo(at("pipe.jpg").c_str(), 0600);
  const Expansion expansion = expand({at("")});
  EXPECT_EQ(expansion.items.size(), 2u);
  EXPECT_EQ(left_out(expansion),
            "left out: 1 .cr2, 1 .heic, 2 .txt, 2 folders, 2 hidden, 2 no extension, 1 special file\n");
  EXPECT_EQ(expansion.left_out[0].source, at(""));
}

TEST_F(Source, WhereFilesAreWantedVideosAreLeftOutAndAddressesRefused) {
  make("a.mp4"), make("b.jpg");
  const Expansion expansion = expand({at(""), "http://host/a.jpg"}, Take::image_files);
  ASSERT_EQ(expansion.items.size(), 2u);
  EXPECT_EQ(expansion.items[0].path, at("b.jpg"));
  EXPECT_EQ(expansion.items[1].error->code(), "source.unsupported");
  EXPECT_EQ(left_out(expansion), "left out: 1 .mp4\n");
  EXPECT_THAT(image_files({at("")}), ElementsAre(fs::path(at("b.jpg"))));
  EXPECT_THROW(image_files({at("absent.jpg")}), Error);
}

TEST_F(Source, AFolderOfOtherThingsSaysWhatItHolds) {
  make("empty/a.txt"), make("empty/b.cr2");
  const Expansion expansion = expand({at("empty")});
  EXPECT_THAT(expansion.items[0].error->sentence(),
              testing::EndsWith("is a folder without images or videos (left out: 1 .cr2, 1 .txt)."));
  EXPECT_EQ(expansion.left_out.size(), 1u);
}

TEST_F(Source, AGlobCountsTheFoldersItMatches) {
  make("a.jpg"), make("b.d/x"), make("c.d/x");
  const Expansion expansion = expand({at("*")});
  EXPECT_EQ(expansion.items.size(), 1u);
  EXPECT_EQ(left_out(expansion), "left out: 2 folders\n");
  EXPECT_THAT(expand({at("*.d")}).items[0].error->sentence(), testing::EndsWith("matches folders alone."));
}

TEST_F(Source, AListGivesItsSourcesAndAMissingLineCostsOnlyItself) {
  make("a.jpg"), make("sub/b.png"), make("sub/c.mp4"), make("d 1.jpg");
  const std::string list =
      make("list.txt", "\xef\xbb\xbf# images\r\n\r\n  a.jpg \r\nsub/*.png\nabsent.jpg\n" + at("sub") +
                           "\nhttp://host/x.jpg\n-\nd 1.jpg");
  const Expansion expansion = expand({list});
  EXPECT_THAT(expanded({list}), ElementsAre("a.jpg", "sub/b.png", "source.missing", "sub/b.png", "sub/c.mp4",
                                            "", "source.list", "d 1.jpg"));
  EXPECT_THAT(expansion.items[2].error->sentence(),
              testing::EndsWith("absent.jpg (line 5 of " + list + ") does not exist."));
  EXPECT_TRUE(expansion.items[4].video);
  EXPECT_TRUE(expansion.items[5].remote);
}

TEST_F(Source, ListedPathsCountFromTheWorkingFolderThenFromTheLists) {
  make("here/a.jpg"), make("lists/a.jpg"), make("lists/b.jpg");
  const std::string list = make("lists/list.txt", "a.jpg\nb.jpg\n*.jpg\n");
  const fs::path before = fs::current_path();
  fs::current_path(at("here"));
  std::vector<std::string> paths;
  for (const Item& item : expand({list}).items) paths.push_back(item.path);
  fs::current_path(before);
  EXPECT_THAT(paths, ElementsAre("a.jpg", at("lists/b.jpg"), "a.jpg"));
}

TEST_F(Source, TheFirstColumnOfACsvCounts) {
  make("a.jpg"), make("b, \"c\".jpg");
  const std::string list =
      make("list.csv", "path,label\na.jpg,1\n\"b, \"\"c\"\".jpg\",2\nabsent.jpg,3\n,4\n");
  EXPECT_THAT(expanded({list}), ElementsAre("a.jpg", "b, \"c\".jpg", "source.missing"));
  EXPECT_EQ(left_out(expand({list})), "left out: 1 header line\n");
  EXPECT_EQ(left_out(expand({make("bare.csv", "a.jpg\n")})), "");
}

TEST_F(Source, WhatIsNoListIsToldApart) {
  EXPECT_FALSE(expand({make("image.txt", jpeg)}).items[0].error);
  make("a.jpg"), make("inner.txt", "a.jpg\n");
  EXPECT_THAT(expanded({make("outer.txt", "inner.txt\na.jpg\n")}), ElementsAre("source.list", "a.jpg"));
  EXPECT_THAT(expanded({make("binary.txt", std::string("a\0b", 3))}), ElementsAre("source.list"));
  EXPECT_THAT(expanded({make("nothing.txt", "# a comment\n\n")}), ElementsAre("source.empty"));
}

TEST_F(Source, AddressesShowNoCredentials) {
  const std::vector<std::pair<std::string, std::string>> shown = {
      {"http://user:secret@host/a.jpg", "http://***@host/a.jpg"},
      {"https://secret@host/a.jpg", "https://***@host/a.jpg"},
      {"https://user:se@cret@host/a.jpg", "https://***@host/a.jpg"},
      {"https://user:se/cret@host/a.jpg", "https://***@host/a.jpg"},
      {"HTTPS://host:81/a@b.jpg?id=3&Token=secret&X-Amz-Signature=secret#x",
       "HTTPS://host:81/a@b.jpg?id=3&Token=***&X-Amz-Signature=***#x"},
      {"rtsp://user:se@cret@camera/1?auth=secret", "rtsp://user:***@camera/1?auth=***"},
  };
  for (const auto& [address, display] : shown) {
    const Item item = expand({address}).items[0];
    EXPECT_EQ(item.display, display);
    EXPECT_EQ(item.path, address);
    EXPECT_EQ(item.remote, !item.video);
  }
  const Item video = expand({"http://user:secret@host/a.mp4?x=1"}).items[0];
  EXPECT_EQ(video.error->code(), "source.unsupported");
  EXPECT_THAT(video.error->sentence(), testing::Not(testing::HasSubstr("secret")));
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
  const std::vector<Item> items = expand({at("")}).items;
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].path, path);
  EXPECT_THAT(items[0].display, testing::EndsWith("caf\\xe9.jpg"));
  EXPECT_EQ(read_file(items[0]).size(), 6u);
}

TEST_F(Source, VideosAndStreams) {
  const std::vector<Item> items =
      expand({make("a.mp4"), make("b.jpg"), "-", "rtsp://user:secret@camera/1", at("absent.mp4")}).items;
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
  EXPECT_EQ(read_file(expand({make("a.jpg", contents)}).items[0]).size(), contents.size());
  EXPECT_EQ(reading(expand({make("a.jpg", contents)}).items[0], 299'999), "image.too_large");
  EXPECT_EQ(reading(expand({make("a.jpg", contents)}).items[0], 300'000), "none");
}

TEST_F(Source, ReadingFailsWithTheReason) {
  EXPECT_EQ(reading(expand({make("nothing.jpg", "")}).items[0]), "image.empty");
  EXPECT_EQ(reading(expand({at("absent.jpg")}).items[0]), "source.missing");
  EXPECT_EQ(reading({folder_.path(), "folder", {}, false, false}), "image.unreadable");
  EXPECT_EQ(reading({folder_.path() / "gone.jpg", "gone.jpg", {}, false, false}), "image.unreadable");
}

TEST_F(Source, EndlessFilesAreCut) {
  std::filesystem::resize_file(make("large.jpg"), 2 << 20);
  EXPECT_EQ(reading({at("large.jpg"), "large.jpg", {}, false, false}, 1 << 20), "image.too_large");
}

TEST_F(Source, DevicesAndSocketsAreRefusedAndPipesAreWaitedFor) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  const int endpoint = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  at("s").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(endpoint, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(endpoint);
  EXPECT_THAT(expanded({"/dev/zero", at("s"), at("pipe")}),
              ElementsAre("source.unsupported", "source.unsupported", "pipe"));
  EXPECT_EQ(expand({at("pipe")}, Take::image_files).items[0].error.value().code(), "source.unsupported");
  EXPECT_EQ(expand({at("[ps]*")}).items[0].error.value().code(), "source.missing");
  EXPECT_EQ(reading({"/dev/zero", "/dev/zero", {}, false, false}, 1 << 20), "image.unreadable");
  int asked = 0;
  try {
    read_file(expand({at("pipe")}).items[0], 1 << 20, {.stop = [&] { return ++asked > 2; }});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "interrupted");
  }
}

}  // namespace
}  // namespace peregrine::source
