// Where the kernel of conv3x3_sm90.cuh looks for a pixel is where TMA has put it: the same arithmetic,
// without a GPU.
#include "engine/cuda/kernels/sm90/conv3x3/conv3x3_sm90_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace peregrine::cuda::tiles {

namespace {

template <class K>
class Conv3x3Sm90Layout : public testing::Test {};

using Forms = testing::Types<Conv3x3Layout<64, 64, 4, 1, 1>, Conv3x3Layout<64, 64, 2, 4, 1>,
                             Conv3x3Layout<32, 32, 4, 1, 1>, Conv3x3Layout<16, 16, 3, 1, 1>,
                             Conv3x3Layout<64, 64, 2, 2, 2>, Conv3x3Layout<32, 64, 2, 1, 2>,
                             Conv3x3Layout<16, 32, 4, 1, 2>>;
TYPED_TEST_SUITE(Conv3x3Sm90Layout, Forms);

/// Row or column of x that lies at a place of a plane, which begins for the tile at `at`.
template <class K>
int source_of(int at, int place, bool odd) {
  const int in_plane = K::plane_start(at, odd) + place;
  return K::stride == 1 ? in_plane : 2 * in_plane + (odd ? 1 : 0);
}

TYPED_TEST(Conv3x3Sm90Layout, ATapsViewHoldsThePixelsOfItsWindow) {
  using K = TypeParam;
  for (const TileCoord tile : {TileCoord{0, 0, 0}, TileCoord{16, 8, 0}})
    for (int tap = 0; tap < window_taps; ++tap)
      for (int row = 0; row < edge; ++row)
        for (int column = 0; column < edge; ++column) {
          const int bytes = K::view_of(tap) + row * K::group_bytes + column * K::row_bytes;
          const int parity_plane = bytes / K::plane_step, pixel = bytes % K::plane_step / K::row_bytes;
          ASSERT_EQ(bytes % K::row_bytes, 0);
          ASSERT_LT(parity_plane, K::parity_planes);
          ASSERT_LT(pixel, K::plane_edge * K::plane_edge);
          EXPECT_EQ(source_of<K>(tile.h, pixel / K::plane_edge, parity_plane / 2 != 0),
                    (tile.h + row) * K::stride + tap / 3 - 1);
          EXPECT_EQ(source_of<K>(tile.w, pixel % K::plane_edge, parity_plane % 2 != 0),
                    (tile.w + column) * K::stride + tap % 3 - 1);
        }
}

/// Swizzling repeats after eight rows: what a matrix or a box begins with is whole in that.
TYPED_TEST(Conv3x3Sm90Layout, EverythingBeginsWhereASwizzleDoes) {
  using K = TypeParam;
  for (const int bytes : {K::plane_step, K::tap_bytes, K::result_bytes, K::sent_bytes})
    EXPECT_EQ(bytes % (8 * K::row_bytes), 0);
  EXPECT_EQ(K::plane_step % 1024, 0);
  EXPECT_EQ(K::result_bytes % 1024, 0);
  EXPECT_EQ(K::sent_bytes % 1024, 0);
}

TYPED_TEST(Conv3x3Sm90Layout, WhatTheOthersOfAClusterSendLiesApart) {
  using K = TypeParam;
  for (int to = 0; to < K::split; ++to) {
    std::set<int> parts;
    for (int from = 0; from < K::split; ++from)
      if (from != to) parts.insert(K::part_of(from, to));
    ASSERT_EQ(static_cast<int>(parts.size()), K::split - 1);
    for (const int part : parts) EXPECT_LT(part, K::split - 1);
  }
}

TEST(HaloWalk, ComesToASlotAgainWithTheOtherParity) {
  for (const int stages : {1, 2, 3, 8}) {
    PipelineState state{stages};
    std::vector<int> parities(static_cast<std::size_t>(stages), 1);
    for (int step = 0; step < 5 * stages; ++step, state.advance()) {
      int& last = parities[static_cast<std::size_t>(state.slot)];
      EXPECT_EQ(state.slot, step % stages);
      EXPECT_EQ(state.parity, last ^ 1);
      last = state.parity;
    }
  }
}

/// The fetching warp goes over a tile's k tiles at once, the warpgroup one by one.
TEST(HaloWalk, ManyStepsAreAsManySingleOnes) {
  for (const int stages : {1, 2, 3, 8})
    for (const int steps : {1, 2, 4, 8}) {
      PipelineState at_once{stages}, one_by_one{stages};
      for (int tile = 0; tile < 20; ++tile) {
        at_once.advance(steps);
        for (int i = 0; i < steps; ++i) one_by_one.advance();
        EXPECT_EQ(at_once.slot, one_by_one.slot);
        EXPECT_EQ(at_once.parity, one_by_one.parity);
      }
    }
}

TEST(HaloTiles, CoverEveryPixelOfEveryImageOnce) {
  const int width = 21, height = 16, images = 3, tiles_w = 3, tiles_h = 2;
  std::vector<int> covered(static_cast<std::size_t>(width * height * images));
  for (int tile = 0; tile < tiles_w * tiles_h * images; ++tile) {
    const TileCoord place = tile_coord_of(tile, tiles_w, tiles_h);
    for (int h = place.h; h < std::min(place.h + edge, height); ++h)
      for (int w = place.w; w < std::min(place.w + edge, width); ++w)
        ++covered[static_cast<std::size_t>((place.n * height + h) * width + w)];
  }
  EXPECT_EQ(std::ranges::count(covered, 1), std::ssize(covered));
}

}  // namespace
}  // namespace peregrine::cuda::tiles
