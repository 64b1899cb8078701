// A 3x3 convolution of stride 1 or 2 whose weights stay in shared memory (conv3x3_sm90.cuh); gemm.h says why
// there is no CUTLASS here.
#pragma once

#include <span>

#include "engine/cuda/kernels/cutlass/implicit_gemm.h"

namespace peregrine::cuda::tiles {

/// A kernel by what sets it apart: the channels of x that are fetched at once, the channels of y of a block,
/// the warpgroups that share a block's weights, the blocks of a cluster that share the channels of x.
struct Conv3x3Tile {
  int tile_k, tile_n, consumers, split, stride;
  /// Whether the kernel can have so many channels, their weights and tiles enough in `blocks` shares of a
  /// multiprocessor's memory.
  bool (*fits)(int channels, int blocks);
  /// For channels that fit, and a padding of 1; x is two pixels wide and high at least.
  void (*launch)(const ConvProblem& problem, int multiprocessors, int blocks, const LaunchContext& context);
};

// A file for every k tile, for the compile time.
std::span<const Conv3x3Tile> conv3x3_tiles_16();
std::span<const Conv3x3Tile> conv3x3_tiles_32();
std::span<const Conv3x3Tile> conv3x3_tiles_64();

}  // namespace peregrine::cuda::tiles
