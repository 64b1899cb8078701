// Where depthwise_pointwise.cuh keeps a tile, its weights and results in shared memory, and which channel
// stands where in the matrices that wgmma multiplies: arithmetic of host and device, proven on the CPU.
#pragma once

#include "engine/cuda/kernels/sm90/tiles.h"

namespace peregrine::cuda::tiles {

/// Of a multiprocessor: the registers of a thread are 120 and more.
inline constexpr int most_threads = 512;

/// `tile_n` channels of y a block, `consumers` warpgroups that share its weights.
template <int tile_n_, int consumers_>
struct DepthwisePointwiseLayout {
  static constexpr int tile_n = tile_n_, consumers = consumers_;
  static constexpr int threads = warpgroup * (consumers + 1);
  /// Wide sums need more registers than are a thread's share: the warpgroup that fetches leaves them its own.
  /// 0: as many as the compiler sees fit.
  static constexpr int fetching_registers = 24, registers = tile_n == 128 && consumers == 3 ? 160 : 0;
  /// Channels that are fetched at once. Two pixels side by side are then all the banks, as eight lanes read
  /// them: no swizzle.
  static constexpr int tile_k = 32;
  static constexpr int pixel_bytes = tile_k * 2, vectors = tile_k / 8;
  static constexpr int halo_edge = edge + 2;
  static constexpr int stage_bytes = halo_edge * halo_edge * pixel_bytes;
  static constexpr int box =
      tile_n % 64 == 0 ? 64 : 16;  ///< channels of y that are written at once, swizzled
  static constexpr int box_bytes = edge * edge * box * 2;
  static constexpr int result_bytes = edge * edge * tile_n * 2;
  static constexpr int max_stages = 8;
  static constexpr int barrier_bytes = 8 * 2 * consumers * max_stages;

  PEREGRINE_HD static constexpr int pointwise_bytes(int k_tiles) { return k_tiles * tile_k * tile_n * 2; }
  PEREGRINE_HD static constexpr int depthwise_bytes(int k_tiles) {
    return k_tiles * window_taps * pixel_bytes;
  }
  static constexpr int bias_bytes(int k_tiles) { return (k_tiles * tile_k + tile_n) * 4; }
  /// Results, pointwise weights, stages, depthwise weights, both biases, barriers, in this order.
  static constexpr int shared_bytes(int k_tiles, int stages) {
    return consumers * (result_bytes + stages * stage_bytes) + pointwise_bytes(k_tiles) +
           depthwise_bytes(k_tiles) + bias_bytes(k_tiles) + barrier_bytes;
  }

  /// Of a k tile a thread has the eight channels of vector `lane % 4`, in pixel column `lane / 4` of two rows
  /// of the tile.
  PEREGRINE_HD static constexpr int first_row(int warp) { return 2 * warp; }
  /// Bytes into a stage, for the upper of its pixels and tap 0; a row of the halo is `halo_edge` pixels.
  PEREGRINE_HD static constexpr int view_of(int warp, int lane) {
    return (first_row(warp) * halo_edge + lane / 4) * pixel_bytes + lane % 4 * 16;
  }

  // wgmma takes 16 channels at a time, a thread's in four registers of two: 2q and 2q+1 of rows g and g+8,
  // then 2q+8 and 2q+9. So that a thread can have eight channels side by side, a k tile is added up in
  // another order: word w of vector q is pair q of unit w, and two units of eight are a step.

  /// Which of a thread's words belongs in register i of a step; odd registers are those of the lower pixel.
  PEREGRINE_HD static constexpr int word_of(int step, int i) { return 2 * step + i / 2; }
  /// Bytes of a unit of eight channels of row `column` of the pointwise weights: a row is a k tile, 64 bytes,
  /// swizzled as wgmma has it.
  PEREGRINE_HD static constexpr int unit_at(int k_tile, int unit, int column) {
    return (k_tile * tile_n + column) * pixel_bytes + (unit ^ (column / 2 % 4)) * 16;
  }
  static constexpr int group_bytes = 8 * pixel_bytes;  ///< from eight rows to the next
};

}  // namespace peregrine::cuda::tiles
