// A depthwise 3x3 convolution of stride 1 over tiles that TMA fetches with the halo of pixels around them.
#pragma once

#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda::tiles {

/// Of a block: `channels`, a divisor of the step's and a multiple of 8, times `columns` of pixels, at most
/// 160 vectors of 8 channels; `rows` 4 or 8.
struct DepthwiseTile {
  int channels, columns, rows;
};
inline constexpr int most_depthwise_threads = 160;

void depthwise3x3_sm90(const Depthwise& step, const DepthwiseTile& tile, const Memory& memory,
                       const LaunchContext& context);

}  // namespace peregrine::cuda::tiles
