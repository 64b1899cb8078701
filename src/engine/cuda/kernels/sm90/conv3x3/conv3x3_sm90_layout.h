// How conv3x3_sm90.cuh cuts a map into tiles, where it keeps them in shared memory, and which pixels a tap
// sees there: arithmetic of host and device, proven on the CPU.
#pragma once

#include "engine/cuda/kernels/sm90/tiles.h"

namespace peregrine::cuda::tiles {

/// In shared memory a pixel is a row of `tile_k` channels, 32, 64 or 128 bytes, swizzled as TMA and wgmma
/// have it. `split` blocks are a cluster.
template <int tile_k_, int tile_n_, int consumers_, int split_, int stride_>
struct Conv3x3Layout {
  static constexpr int tile_k = tile_k_, tile_n = tile_n_, consumers = consumers_, split = split_,
                       stride = stride_;
  static constexpr int threads = warpgroup * consumers + 32;
  static constexpr int own_tile_n = tile_n / split;  ///< that a block finishes
  static constexpr int row_bytes = tile_k * 2;
  static constexpr int parity_planes =
      stride * stride;  ///< every pixel, or by odd and even rows, then columns: 0 is even and even
  static constexpr int plane_edge = edge + 2 / stride;
  static constexpr int plane_bytes = plane_edge * plane_edge * row_bytes;
  static constexpr int plane_step = (plane_bytes + 1023) / 1024 * 1024;
  static constexpr int stage_bytes = parity_planes * plane_step;
  static constexpr int group_bytes = plane_edge * row_bytes;  ///< from a row of a tile to the next
  static constexpr int tap_bytes = tile_n * row_bytes;
  static constexpr int result_bytes = edge * edge * own_tile_n * 2;
  static constexpr int sent_bytes = edge * edge * own_tile_n * 4;  ///< from one block to one other
  static constexpr int received_bytes = (split - 1) * sent_bytes;
  static constexpr int max_stages = 8;
  static constexpr int barrier_bytes = 8 * (1 + consumers * (3 + 2 * max_stages));

  /// Of a parity plane's rows or columns, the first that a tile needs which begins at row or column `at` of
  /// y.
  PEREGRINE_HD static constexpr int plane_start(int at, bool odd) {
    return at - (stride == 1 || odd ? 1 : 0);
  }
  /// Bytes into a stage: with stride 2 the middle tap of three lies on even pixels, its neighbours on odd
  /// ones, which begin before.
  PEREGRINE_HD static constexpr int view_of(int tap) {
    const int h = tap / 3, w = tap % 3;
    if (stride == 1) return h * group_bytes + w * row_bytes;
    return ((h != 1) * 2 + (w != 1)) * plane_step + (h == 2) * group_bytes + (w == 2) * row_bytes;
  }
  /// Which part of what a block receives comes `from` another.
  PEREGRINE_HD static constexpr int part_of(int from, int to) { return from - (from > to ? 1 : 0); }
  PEREGRINE_HD static constexpr int weight_bytes(int k_tiles) { return k_tiles * window_taps * tap_bytes; }
  static constexpr int shared_bytes(int k_tiles, int stages) {
    return consumers * (result_bytes + received_bytes + stages * stage_bytes) + weight_bytes(k_tiles) +
           barrier_bytes;
  }
};

}  // namespace peregrine::cuda::tiles
