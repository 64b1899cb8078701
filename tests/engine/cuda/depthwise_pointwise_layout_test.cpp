// In the kernel of depthwise_pointwise.cuh every channel meets its own weight, in whatever order they are
// added up, and a row of the matrix is a pixel of the tile: the same arithmetic, without a GPU.
#include "engine/cuda/kernels/sm90/depthwise_pointwise/depthwise_pointwise_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "engine/cuda/kernels/sm90/smem_budget.h"

namespace peregrine::cuda::tiles {

namespace {

template <class K>
class DepthwisePointwiseForms : public testing::Test {};

using Forms = testing::Types<DepthwisePointwiseLayout<64, 1>, DepthwisePointwiseLayout<64, 3>,
                             DepthwisePointwiseLayout<80, 1>, DepthwisePointwiseLayout<80, 3>,
                             DepthwisePointwiseLayout<128, 1>, DepthwisePointwiseLayout<128, 3>>;
TYPED_TEST_SUITE(DepthwisePointwiseForms, Forms);

/// Where wgmma's left matrix of 64 by 16 has half `j` of register `i` of a lane: row of a warp, and column.
std::pair<int, int> left_place(int lane, int i, int j) {
  return {lane / 4 + i % 2 * 8, lane % 4 * 2 + j + i / 2 * 8};
}

/// Channel by unit and place in it, as the threads that load the weights put it there: word w of vector q is
/// pair q of unit w.
template <class K>
std::map<std::pair<int, int>, int> channels_of_units() {
  std::map<std::pair<int, int>, int> channels;
  for (int q = 0; q < K::vectors; ++q)
    for (int word = 0; word < 4; ++word)
      for (int j = 0; j < 2; ++j) channels[{word, 2 * q + j}] = 8 * q + 2 * word + j;
  return channels;
}

TYPED_TEST(DepthwisePointwiseForms, AChannelMeetsItsWeight) {
  using K = TypeParam;
  const auto channels = channels_of_units<K>();
  ASSERT_EQ(static_cast<int>(channels.size()), K::tile_k);
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
  EXPECT_EQ(static_cast<int>(seen.size()), K::tile_k);
}

TYPED_TEST(DepthwisePointwiseForms, ARowOfTheMatrixIsAPixelOfTheTile) {
  using K = TypeParam;
  for (int warp = 0; warp < 4; ++warp)
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i) {
        const int row = warp * 16 + left_place(lane, i, 0).first;
        EXPECT_EQ(row / edge, K::first_row(warp) + i % 2);
        EXPECT_EQ(row % edge, lane / 4);
        const int pixel =
            K::view_of(warp, lane) / K::pixel_bytes;  // of the halo: tap 0 is a pixel up and left
        EXPECT_EQ(pixel / K::halo_edge, K::first_row(warp));
        EXPECT_EQ(pixel % K::halo_edge, lane / 4);
        EXPECT_EQ(K::view_of(warp, lane) % K::pixel_bytes, lane % 4 * 16);
      }
}

/// wgmma takes bits 4 and 5 of an address with bits 7 and 8 added, and eight rows as one group.
TYPED_TEST(DepthwisePointwiseForms, WeightsFillTheirMemoryOnce) {
  using K = TypeParam;
  constexpr int k_tiles = 3;
  std::set<int> places;
  for (int tile_k = 0; tile_k < k_tiles; ++tile_k)
    for (int unit = 0; unit < K::vectors; ++unit)
      for (int column = 0; column < K::tile_n; ++column) {
        const int row = K::unit_at(tile_k, 0, 0) + column / 8 * K::group_bytes + column % 8 * K::pixel_bytes,
                  plain = row + unit * 16;
        EXPECT_EQ(K::unit_at(tile_k, unit, column), plain ^ (plain / 128 % 4 * 16));
        places.insert(plain);
      }
  EXPECT_EQ(static_cast<int>(places.size()), k_tiles * K::vectors * K::tile_n);
  EXPECT_EQ(*places.rbegin() + 16, K::pointwise_bytes(k_tiles));
}

/// Swizzles begin anew at addresses of 1024 and 512 bytes.
TYPED_TEST(DepthwisePointwiseForms, EverythingIsAlignedAsTmaAndWgmmaWantIt) {
  using K = TypeParam;
  EXPECT_EQ(K::result_bytes % 1024, 0);
  EXPECT_EQ(K::box_bytes % 1024, 0);
  EXPECT_EQ(K::tile_n % K::box, 0);
  EXPECT_EQ(K::stage_bytes % 128, 0);
  EXPECT_EQ(K::unit_at(1, 0, 0) % 512, 0);
  for (int k_tiles = 1; k_tiles <= 16; ++k_tiles) {
    EXPECT_EQ(K::pointwise_bytes(k_tiles) % 512, 0);
    EXPECT_EQ(K::depthwise_bytes(k_tiles) % 32, 0);  // a bias is read in vectors of 32 bytes
    EXPECT_EQ(K::bias_bytes(k_tiles) % 8, 0);
  }
}

/// A warpgroup's share is 65536 registers by all its threads, which it may only give to others.
TYPED_TEST(DepthwisePointwiseForms, RegistersAreEnough) {
  using K = TypeParam;
  if constexpr (K::registers > 0) {
    constexpr int share = 65536 / K::threads / 8 * 8;
    EXPECT_GT(K::registers, share);
    EXPECT_LE(K::registers * K::consumers + K::fetching_registers, share * (K::consumers + 1));
  }
  EXPECT_LE(K::threads, most_threads);
}

TYPED_TEST(DepthwisePointwiseForms, AsManyChunksLieReadyAsFit) {
  using K = TypeParam;
  for (int channels = 8; channels <= 512; channels += 8)
    for (int blocks = 1; blocks <= 2; ++blocks) {
      const int k_tiles = (channels + K::tile_k - 1) / K::tile_k, stages = stages_of<K>(k_tiles, blocks);
      if (stages == 0) continue;
      EXPECT_GE(stages, std::min(k_tiles, 2));
      EXPECT_LE(K::shared_bytes(k_tiles, stages), most_block_bytes);
      EXPECT_LE(blocks * (K::shared_bytes(k_tiles, stages) + reserved_bytes), multiprocessor_bytes);
    }
  EXPECT_GT(stages_of<K>(8, 1), 0);  // 256 channels
}

}  // namespace
}  // namespace peregrine::cuda::tiles
