// A depthwise 3x3 convolution of stride 1 and the 1x1 convolution behind it as one kernel (separable.cuh); product.h says why
// there is no CUTLASS here.
#pragma once

#include <span>

#include "engine/cuda/kernel.h"

namespace peregrine::cuda::tiles {

/// A kernel by the channels of y of a block and the warpgroups that share a block's weights.
struct SeparableTile {
  int columns, consumers;
  /// Whether a multiprocessor has room for `blocks` blocks with so many channels of x, their weights and tiles enough.
  bool (*fits)(int channels, int blocks);
  /// For channels that fit, and a multiple of `columns` channels of y.
  void (*launch)(const Separable& step, const Memory& memory, int multiprocessors, int blocks, const Queue& queue);
};

std::span<const SeparableTile> separable_tiles();

}  // namespace peregrine::cuda::tiles
