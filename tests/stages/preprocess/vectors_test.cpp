// Bit-exactness against OpenCV, and geometry against Ultralytics' LetterBox, over recorded cases.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "core/tensor.h"
#include "generated_picture.h"
#include "stages/preprocess/letterbox.h"
#include "stages/preprocess/preprocess.h"
#include "support/test_data.h"

namespace peregrine::preprocess {
namespace {

/// Undoes the scaling: the 8-bit values of the letterboxed image, interleaved BGR, as OpenCV keeps them.
std::uint64_t checksum_of_input(const HostTensor& input) {
  const std::int64_t plane = input.shape()[2] * input.shape()[3];
  test::Checksum sum;
  for (std::int64_t i = 0; i < plane; ++i)
    for (int channel = 2; channel >= 0; --channel)
      sum.add(static_cast<std::uint8_t>(std::lround(input.as<float>()[channel * plane + i] * 255.0f)));
  return sum.value();
}

Geometry geometry_of(const std::string& mode, int width, int height, int a, int b) {
  if (mode == "letterbox") return letterbox(width, height, a, b);
  if (mode == "rect") return letterbox_rect(width, height, a, a, b);
  return letterbox_validation(width, height, a);
}

void check_resize(int width, int height, int a, int b, std::istream& expected) {
  std::uint64_t recorded = 0;
  expected >> recorded;
  test::Checksum sum;
  for (const std::uint8_t v : resize(test::generated_image(width, height).view(), a, b).pixels) sum.add(v);
  EXPECT_EQ(sum.value(), recorded);
}

void check_letterbox(const Geometry& g, std::istream& expected) {
  int input_width, input_height, resized_width, resized_height, left, top;
  std::uint64_t recorded = 0;
  expected >> input_width >> input_height >> resized_width >> resized_height >> left >> top >> recorded;
  EXPECT_EQ(g.input_width, input_width);
  EXPECT_EQ(g.input_height, input_height);
  EXPECT_EQ(g.resized_width, resized_width);
  EXPECT_EQ(g.resized_height, resized_height);
  EXPECT_EQ(g.pad_left, left);
  EXPECT_EQ(g.pad_top, top);
  const HostTensor input(DType::f32, {1, 3, g.input_height, g.input_width});
  letterbox_into(test::generated_image(g.image_width, g.image_height).view(), g, input.view(), 0);
  EXPECT_EQ(checksum_of_input(input), recorded);
}

TEST(RecordedVectors, AreMetToTheBit) {
  std::ifstream file(test::repository_file("tests/stages/preprocess/data/resize_vectors.txt"));
  ASSERT_TRUE(file);
  std::map<std::string, int> checked;
  for (std::string line; std::getline(file, line);) {
    SCOPED_TRACE(line);
    std::istringstream words(line);
    std::string mode;
    int width, height, a, b;
    words >> mode >> width >> height >> a >> b;
    if (mode == "resize")
      check_resize(width, height, a, b, words);
    else
      check_letterbox(geometry_of(mode, width, height, a, b), words);
    ASSERT_TRUE(words) << "the recorded line is incomplete";
    ++checked[mode];
  }
  EXPECT_GE(checked["resize"] + checked["letterbox"] + checked["rect"] + checked["validation"], 300);
  EXPECT_EQ(checked.size(), 4u);
}

}  // namespace
}  // namespace peregrine::preprocess
