// In the kernel of separable.cuh every channel meets its own weight and every pixel its own window, in whatever order they are
// added up: the same arithmetic, without a GPU.
#include "engine/cuda/hopper/separable_layout.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

namespace peregrine::cuda::tiles {

namespace {

template <class K>
class SeparableLayout : public testing::Test {};

using Forms = testing::Types<Separable<64, 1>, Separable<80, 3>, Separable<128, 1>, Separable<128, 3>>;
TYPED_TEST_SUITE(SeparableLayout, Forms);

/// Where wgmma's left matrix of 64 by 16 has half `j` of register `i` of a lane: row of a warp, and column.
std::pair<int, int> left_place(int lane, int i, int j) { return {lane / 4 + i % 2 * 8, lane % 4 * 2 + j + i / 2 * 8}; }

/// Channel by unit and place in it, as the threads that load the weights put it there: word w of vector q is pair q of unit w.
template <class K>
std::map<std::pair<int, int>, int> channels_of_units() {
  std::map<std::pair<int, int>, int> channels;
  for (int q = 0; q < K::vectors; ++q)
    for (int word = 0; word < 4; ++word)
      for (int j = 0; j < 2; ++j) channels[{word, 2 * q + j}] = 8 * q + 2 * word + j;
  return channels;
}

TYPED_TEST(SeparableLayout, AChannelMeetsItsWeight) {
  using K = TypeParam;
  const auto channels = channels_of_units<K>();
  ASSERT_EQ(static_cast<int>(channels.size()), K::chunk);
  std::set<int> seen;
  for (int step = 0; step < 2; ++step)
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 2; ++j) {
          const int column = left_place(lane, i, j).second;
          const int made = 8 * (lane % 4) + 2 * K::word_of(step, i) + j;
          EXPECT_EQ(made, channels.at({2 * step + column / 8, column % 8}));
          seen.insert(made);
        }
  EXPECT_EQ(static_cast<int>(seen.size()), K::chunk);
}

TYPED_TEST(SeparableLayout, ARowOfTheMatrixIsAPixelOfTheTile) {
  using K = TypeParam;
  for (int warp = 0; warp < 4; ++warp)
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i) {
        const int row = warp * 16 + left_place(lane, i, 0).first;
        EXPECT_EQ(row / edge, K::first_row(warp) + i % 2);
        EXPECT_EQ(row % edge, lane / 4);
        const int pixel = K::view_of(warp, lane) / K::pixel_bytes;  // of the ring: tap 0 is a pixel up and left
        EXPECT_EQ(pixel / K::ring_edge, K::first_row(warp));
        EXPECT_EQ(pixel % K::ring_edge, lane / 4);
        EXPECT_EQ(K::view_of(warp, lane) % K::pixel_bytes, lane % 4 * 16);
      }
}

/// wgmma takes bits 4 and 5 of an address with bits 7 and 8 added, and eight rows as one group.
TYPED_TEST(SeparableLayout, WeightsFillTheirMemoryOnce) {
  using K = TypeParam;
  constexpr int chunks = 3;
  std::set<int> places;
  for (int chunk = 0; chunk < chunks; ++chunk)
    for (int unit = 0; unit < K::vectors; ++unit)
      for (int column = 0; column < K::columns; ++column) {
        const int row = K::unit_at(chunk, 0, 0) + column / 8 * K::group_bytes + column % 8 * K::pixel_bytes,
                  plain = row + unit * 16;
        EXPECT_EQ(K::unit_at(chunk, unit, column), plain ^ (plain / 128 % 4 * 16));
        places.insert(plain);
      }
  EXPECT_EQ(static_cast<int>(places.size()), chunks * K::vectors * K::columns);
  EXPECT_EQ(*places.rbegin() + 16, K::pointwise_bytes(chunks));
}

TYPED_TEST(SeparableLayout, EverythingIsAlignedAsTmaAndWgmmaWantIt) {
  using K = TypeParam;
  EXPECT_EQ(K::result_bytes % 1024, 0);
  EXPECT_EQ(K::box_bytes % 1024, 0);
  EXPECT_EQ(K::columns % K::box, 0);
  EXPECT_EQ(K::stage_bytes % 128, 0);
  EXPECT_EQ(K::pointwise_bytes(1) % 512, 0);
  for (const int bytes : {K::pointwise_bytes(1), K::depthwise_bytes(1), K::bias_bytes(1)}) EXPECT_EQ(bytes % 16, 0);
  EXPECT_LE((K::registers > 0 ? K::registers : 0) * K::consumers * warpgroup + K::fetching_registers * warpgroup, 65536);
}

}  // namespace
}  // namespace peregrine::cuda::tiles
