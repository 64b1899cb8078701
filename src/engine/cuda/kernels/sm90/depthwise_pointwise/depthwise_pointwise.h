// A depthwise 3x3 convolution of stride 1 and the 1x1 convolution behind it as one kernel
// (depthwise_pointwise.cuh); gemm.h says why there is no CUTLASS here.
#pragma once

#include <span>

#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda::tiles {

/// A kernel by the channels of y of a block and the warpgroups that share a block's weights.
struct DepthwisePointwiseTile {
  int tile_n, consumers;
  /// Whether a multiprocessor has room for `blocks` blocks with so many channels of x, their weights and
  /// tiles enough.
  bool (*fits)(int channels, int blocks);
  /// For channels that fit, and a multiple of `tile_n` channels of y.
  void (*launch)(const DepthwisePointwise& step, const Memory& memory, int multiprocessors, int blocks,
                 const LaunchContext& context);
};

std::span<const DepthwisePointwiseTile> depthwise_pointwise_tiles();

}  // namespace peregrine::cuda::tiles
