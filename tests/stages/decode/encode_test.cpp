#include <gmock/gmock.h>

#include <fstream>

#include "peregrine/error.h"
#include "stages/decode/decode.h"
#include "stages/decode/encode.h"
#include "support/test_data.h"

namespace peregrine::decode {
namespace {

namespace fs = std::filesystem;

HostImage gradient(PixelOrder order = PixelOrder::bgr) {
  HostImage image{61, 47, order, std::vector<std::uint8_t>(61 * 47 * 3)};
  for (int y = 0, i = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x, i += 3)
      image.pixels[i] = 4 * x, image.pixels[i + 1] = 5 * y, image.pixels[i + 2] = 2 * (x + y);
  return image;
}

HostImage reload(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  return decode::decode_image(std::as_bytes(std::span(bytes)), path);
}

TEST(Save, PngKeepsEveryPixel) {
  const test::TemporaryFolder folder;
  save_image(gradient(), folder.path() / "a.png");
  EXPECT_EQ(reload(folder.path() / "a.png").pixels, gradient().pixels);
}

TEST(Save, AJpegInMemoryIsTheOneOnDisk) {
  const test::TemporaryFolder folder;
  save_image(gradient(), folder.path() / "a.jpg");
  EXPECT_EQ(decode::decode_image(encode_jpeg(gradient()), "memory").pixels,
            reload(folder.path() / "a.jpg").pixels);
}

TEST(Save, OrderOfChannelsIsHeeded) {
  const test::TemporaryFolder folder;
  for (const char* name : {"a.png", "a.jpg"}) {
    save_image(gradient(PixelOrder::rgb), folder.path() / name);
    const HostImage image = reload(folder.path() / name);
    EXPECT_NEAR(image.pixels[3 * 60 + 2], 240, 6) << name;  // red, where the gradient's first channel is
    EXPECT_NEAR(image.pixels[3 * 60], 120, 6) << name;
  }
}

TEST(Save, JpegStaysClose) {
  const test::TemporaryFolder folder;
  for (const char* name : {"a.jpg", "a.JPEG"}) {
    save_image(gradient(), folder.path() / name);
    const HostImage image = reload(folder.path() / name), original = gradient();
    ASSERT_EQ(image.pixels.size(), original.pixels.size());
    int worst = 0;
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      worst = std::max(worst, std::abs(image.pixels[i] - original.pixels[i]));
    EXPECT_LE(worst, 16);
  }
}

TEST(Save, FailsWithTheFilesName) {
  const test::TemporaryFolder folder;
  HostImage wide{70000, 1, PixelOrder::bgr, std::vector<std::uint8_t>(70000 * 3)};
  const std::vector<std::pair<fs::path, HostImage>> cases = {{folder.path() / "a.tiff", gradient()},
                                                             {folder.path() / "absent" / "a.png", gradient()},
                                                             {folder.path() / "wide.jpg", wide}};
  for (const auto& [path, image] : cases) {
    try {
      save_image(image, path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "output.write");
      EXPECT_THAT(error.sentence(), testing::HasSubstr(path.filename().native()));
      EXPECT_FALSE(error.hint().empty());
    }
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
  save_image(wide, folder.path() / "wide.png");
  EXPECT_EQ(reload(folder.path() / "wide.png").width, 70000);
}

}  // namespace
}  // namespace peregrine::decode
