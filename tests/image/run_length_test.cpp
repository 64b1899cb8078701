#include "image/run_length.h"

#include <gmock/gmock.h>

#include <fstream>
#include <numeric>
#include <sstream>

#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

using Bits = std::vector<std::uint8_t>;

/// The rules of tools/fixtures/make_mask_strings.py.
Bits draw(const std::string& kind, int height, int width, std::uint32_t seed) {
  Bits bits(static_cast<std::size_t>(height) * width);
  const int cy = static_cast<int>(seed % height), cx = static_cast<int>(seed / 7 % width);
  const int r = 1 + static_cast<int>(seed % std::max(height, width));
  std::uint32_t state = seed;
  for (int y = 0, i = 0; y < height; ++y)
    for (int x = 0; x < width; ++x, ++i) {
      if (kind == "noise") bits[i] = (state = state * 1664525u + 1013904223u) >> 24 < 64;
      if (kind == "disc") bits[i] = (y - cy) * (y - cy) + (x - cx) * (x - cx) <= r * r;
      if (kind == "bars") bits[i] = x / (1 + seed % 3) % 2 == seed % 2;
    }
  return bits;
}

RunLengthMask encode_whole(const Bits& bits, int height, int width) {
  return encode_mask(bits, {0, 0, width, height}, height, width);
}

/// What the mask kernels write for the same window.
std::vector<std::uint32_t> packed(const Bits& bits, int height, int width) {
  const std::size_t column_words = (static_cast<std::size_t>(height) + 31) / 32;
  std::vector<std::uint32_t> words(column_words * width);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      words[x * column_words + y / 32] |= std::uint32_t{bits[static_cast<std::size_t>(y) * width + x]}
                                          << y % 32;
  return words;
}

TEST(RunLength, AgreesWithPycocotools) {
  std::ifstream file(test::repository_file("tests/image/data/coco_masks.txt"));
  std::string line;
  int masks = 0;
  for (; std::getline(file, line); ++masks) {
    SCOPED_TRACE(line.substr(0, 60));
    std::istringstream fields(line);
    int height = 0, width = 0;
    std::uint32_t seed = 0;
    std::string kind, expected;
    fields >> height >> width >> kind >> seed >> expected;
    const Bits bits = draw(kind, height, width, seed);
    const RunLengthMask mask = encode_whole(bits, height, width);
    EXPECT_EQ(to_coco_string(mask), expected);
    EXPECT_EQ(encode_packed_mask(packed(bits, height, width), {0, 0, width, height}, height, width).counts,
              mask.counts);
    EXPECT_EQ(from_coco_string(height, width, expected).counts, mask.counts);
    EXPECT_EQ(decode_mask(mask), bits);
  }
  EXPECT_GE(masks, 40);
}

TEST(RunLength, WindowEqualsWholeImage) {
  const int height = 23, width = 19;
  for (const MaskWindow& window : {MaskWindow{0, 0, 19, 23},
                                   {3, 5, 9, 11},
                                   {0, 4, 8, 19},
                                   {7, 0, 12, 6},
                                   {18, 22, 1, 1},
                                   {4, 0, 9, 23}}) {
    const Bits inside = draw("noise", window.height, window.width, 7), all(inside.size(), 1);
    for (const Bits& bits : {inside, all}) {
      Bits whole(static_cast<std::size_t>(height) * width);
      for (int y = 0; y < window.height; ++y)
        for (int x = 0; x < window.width; ++x)
          whole[(window.top + y) * width + window.left + x] =
              bits[static_cast<std::size_t>(y) * window.width + x];
      EXPECT_EQ(encode_mask(bits, window, height, width).counts, encode_whole(whole, height, width).counts);
      EXPECT_EQ(encode_packed_mask(packed(bits, window.height, window.width), window, height, width).counts,
                encode_whole(whole, height, width).counts);
    }
  }
}

TEST(RunLength, EmptyAndFull) {
  EXPECT_THAT(encode_mask({}, {4, 4, 0, 0}, 6, 5).counts, testing::ElementsAre(30));
  EXPECT_THAT(encode_whole(Bits(30, 1), 6, 5).counts, testing::ElementsAre(0, 30));
}

TEST(RunLength, RunsSplitAtColumns) {
  std::vector<std::array<int, 3>> runs;
  for_each_run({4, 3, {2, 5, 5}}, [&](int column, int first, int end) {
    runs.push_back({column, first, end});
  });
  EXPECT_THAT(runs, testing::ElementsAre(std::array{0, 2, 4}, std::array{1, 0, 3}));
}

TEST(RunLength, RefusesMalformedStrings) {
  const std::string good = to_coco_string(encode_whole(draw("disc", 40, 30, 500), 40, 30));
  EXPECT_NO_THROW(from_coco_string(40, 30, good));
  const std::vector<std::string> bad = {
      "",         good.substr(0, good.size() / 2), good + "1", "\x7f", " ", "oooooooooooooooo", "o", "O",
      good + good};
  for (const std::string& text : bad) {
    SCOPED_TRACE(text);
    try {
      from_coco_string(40, 30, text);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "image.mask");
    }
  }
}

}  // namespace
}  // namespace peregrine
