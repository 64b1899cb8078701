// Small videos whose frames tell their numbers.
#pragma once

#include <gmock/gmock.h>

#include <fstream>
#include <string>
#include <vector>

#include "stages/source/video/video.h"
#include "stages/source/video/video_writer.h"
#include "support/test_data.h"

namespace peregrine::source {

/// A blue-green image with a bright bar whose place tells the frame's number.
inline HostImage bar(int number, int width = 96, int height = 64) {
  HostImage image{width, height, PixelOrder::bgr,
                  std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  for (int y = 0, i = 0; y < height; ++y)
    for (int x = 0; x < width; ++x, i += 3) {
      const bool on = x / 4 == number % (width / 4);
      image.pixels[i] = on ? 240 : 180;
      image.pixels[i + 1] = on ? 240 : static_cast<std::uint8_t>(60 + y);
      image.pixels[i + 2] = on ? 240 : 30;
    }
  return image;
}

inline int bar_number(const HostImage& image) {
  int best = 0, best_sum = -1;
  for (int column = 0; column < image.width / 4; ++column) {
    int sum = 0;
    for (int y = 0; y < image.height; ++y)
      sum += image.pixels[(static_cast<std::size_t>(y) * image.width + column * 4 + 2) * 3 + 2];
    if (sum > best_sum) best_sum = sum, best = column;
  }
  return best;
}

class Video : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path() / name; }

  std::string make(const std::string& name, int frames = 20, double frames_per_second = 25) {
    source::VideoWriter writer(path(name), 96, 64, frames_per_second);
    for (int i = 0; i < frames; ++i) writer.write(bar(i).view(), i / frames_per_second);
    writer.finish();
    return path(name);
  }

  std::string write(const std::string& name, std::string_view contents) {
    std::ofstream(path(name), std::ios::binary) << contents;
    return path(name);
  }

  static std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  test::TemporaryFolder folder_;
};

inline std::vector<VideoFrame> all(VideoReader& reader) {
  std::vector<VideoFrame> frames;
  while (auto frame = reader.next()) frames.push_back(std::move(*frame));
  return frames;
}

/// Code of the error of opening, "none" without one.
inline std::string opening(const std::string& address, const VideoOptions& options = {}) {
  try {
    const VideoReader reader(address, "street.mp4", options);
    return "none";
  } catch (const Error& error) {
    EXPECT_THAT(error.sentence(), testing::HasSubstr("street.mp4"));
    return error.code();
  }
}

}  // namespace peregrine::source
