#include "core/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace peregrine {
namespace {

TEST(Half, EveryHalfSurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const Half half{static_cast<std::uint16_t>(bits)};
    const float value = to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(to_float(to_half(value))));
    } else {
      EXPECT_EQ(to_half(value).bits, bits);
    }
  }
}

TEST(Half, MidpointsRoundToEven) {
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = to_float({static_cast<std::uint16_t>(bits)});
    const float high = to_float({static_cast<std::uint16_t>(bits + 1)});
    const float middle = low + (high - low) / 2;
    EXPECT_EQ(to_half(middle).bits, bits % 2 ? bits + 1 : bits) << bits;
    EXPECT_EQ(to_half(std::nextafter(middle, high)).bits, bits + 1) << bits;
    EXPECT_EQ(to_half(std::nextafter(middle, low)).bits, bits) << bits;
  }
}

TEST(Half, OverflowBecomesInfinity) {
  EXPECT_EQ(to_half(65519.0f).bits, 0x7bff);
  EXPECT_EQ(to_half(65520.0f).bits, 0x7c00);
  EXPECT_EQ(to_half(-std::numeric_limits<float>::infinity()).bits, 0xfc00);
}

}  // namespace
}  // namespace peregrine
