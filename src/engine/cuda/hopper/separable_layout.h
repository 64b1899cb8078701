// Where separable.cuh keeps a tile, its weights and results in shared memory, and which channel stands where in the matrices that
// wgmma multiplies: arithmetic of host and device, proven on the CPU.
#pragma once

#include "engine/cuda/hopper/tiles.h"

namespace peregrine::cuda::tiles {

/// Of a multiprocessor: the registers of a thread are 120 and more.
inline constexpr int most_threads = 512;

/// `columns` channels of y a block, `consumers` warpgroups that share its weights.
template <int columns_, int consumers_>
struct SeparableForm {
  static constexpr int columns = columns_, consumers = consumers_;
  static constexpr int threads = warpgroup * (consumers + 1);
  /// Wide sums need more registers than are a thread's share: the warpgroup that fetches leaves them its own. 0: as many as the
  /// compiler sees fit.
  static constexpr int fetching_registers = 24, registers = columns == 128 && consumers == 3 ? 160 : 0;
  /// Channels that are fetched at once. Two pixels side by side are then all the banks, as eight lanes read them: no swizzle.
  static constexpr int chunk = 32;
  static constexpr int pixel_bytes = chunk * 2, vectors = chunk / 8;
  static constexpr int ring_edge = edge + 2;
  static constexpr int stage_bytes = ring_edge * ring_edge * pixel_bytes;
  static constexpr int box = columns % 64 == 0 ? 64 : 16;  ///< channels of y that are written at once, swizzled
  static constexpr int box_bytes = edge * edge * box * 2;
  static constexpr int result_bytes = edge * edge * columns * 2;
  static constexpr int most_depth = 8;
  static constexpr int barrier_bytes = 8 * 2 * consumers * most_depth;

  PEREGRINE_HD static constexpr int pointwise_bytes(int chunks) { return chunks * chunk * columns * 2; }
  PEREGRINE_HD static constexpr int depthwise_bytes(int chunks) { return chunks * window_taps * pixel_bytes; }
  static constexpr int bias_bytes(int chunks) { return (chunks * chunk + columns) * 4; }
  /// Results, pointwise weights, stages, depthwise weights, both biases, barriers, in this order.
  static constexpr int shared_bytes(int chunks, int depth) {
    return consumers * (result_bytes + depth * stage_bytes) + pointwise_bytes(chunks) + depthwise_bytes(chunks) +
           bias_bytes(chunks) + barrier_bytes;
  }

  /// Of a chunk a thread has the eight channels of vector `lane % 4`, in pixel column `lane / 4` of two rows of the tile.
  PEREGRINE_HD static constexpr int first_row(int warp) { return 2 * warp; }
  /// Bytes into a stage, for the upper of its pixels and tap 0; a row of the ring is `ring_edge` pixels.
  PEREGRINE_HD static constexpr int view_of(int warp, int lane) {
    return (first_row(warp) * ring_edge + lane / 4) * pixel_bytes + lane % 4 * 16;
  }

  // wgmma takes 16 channels at a time, a thread's in four registers of two: 2q and 2q+1 of rows g and g+8, then 2q+8 and 2q+9. So
  // that a thread can have eight channels side by side, a chunk is added up in another order: word w of vector q is pair q of
  // unit w, and two units of eight are a step.

  /// Which of a thread's words belongs in register i of a step; odd registers are those of the lower pixel.
  PEREGRINE_HD static constexpr int word_of(int step, int i) { return 2 * step + i / 2; }
  /// Bytes of a unit of eight channels of row `column` of the pointwise weights: a row is a chunk, 64 bytes, swizzled as wgmma
  /// has it.
  PEREGRINE_HD static constexpr int unit_at(int chunk_index, int unit, int column) {
    return (chunk_index * columns + column) * pixel_bytes + (unit ^ (column / 2 % 4)) * 16;
  }
  static constexpr int group_bytes = 8 * pixel_bytes;  ///< from eight rows to the next
};

}  // namespace peregrine::cuda::tiles
