// Hints about files that are written, each followed to its result.
#include <gmock/gmock.h>

#include "stages/decode/encode.h"
#include "support/error_text.h"
#include "support/test_data.h"
#if PEREGRINE_VIDEO
#include "stages/source/video/video_writer.h"
#endif

namespace peregrine::source {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

HostImage grey(int width, int height) {
  return {width, height, PixelOrder::bgr, std::vector<std::uint8_t>(std::size_t{3} * width * height, 114)};
}

class HintsOfRender : public testing::Test {
 protected:
  std::string saving(const HostImage& image, const std::string& name) const {
    return test::error_text([&] { decode::save_image(image, folder_.path() / name); });
  }
  test::TemporaryFolder folder_;
};

TEST_F(HintsOfRender, LeadToAImage) {
  EXPECT_THAT(saving(grey(8, 8), "a.tiff"), HasSubstr("Name it .jpg or .png."));
  for (const char* name : {"a.jpg", "a.png"}) EXPECT_EQ(saving(grey(8, 8), name), "no error");
  EXPECT_THAT(saving(grey(70'000, 1), "wide.jpg"), HasSubstr("Save it as .png."));
  EXPECT_EQ(saving(grey(70'000, 1), "wide.png"), "no error");
  EXPECT_THAT(saving(grey(1'000'001, 1), "wider.png"), HasSubstr("Scale it down."));
}

#if PEREGRINE_VIDEO
TEST_F(HintsOfRender, LeadToAVideo) {
  const auto filming = [&](const fs::path& path, int second_width) {
    return test::error_text([&] {
      VideoWriter writer(path, 64, 48, 30);
      writer.write(grey(64, 48).view(), 0);
      writer.write(grey(second_width, 48).view(), 1 / 30.);
      writer.finish();
    });
  };
  EXPECT_THAT(filming(folder_.path() / "a.what", 64), HasSubstr("Name it .mp4."));
  EXPECT_THAT(filming(folder_.path() / "absent" / "a.mp4", 64),
              HasSubstr("Choose a place that can be written, and .mp4 as the format."));
  EXPECT_THAT(filming(folder_.path() / "a.mp4", 32),
              HasSubstr("Write videos of different sizes to different files."));
  EXPECT_EQ(filming(folder_.path() / "a.mp4", 64), "no error");
}
#endif

}  // namespace
}  // namespace peregrine::source
