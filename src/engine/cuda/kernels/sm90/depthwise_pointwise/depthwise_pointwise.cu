#include <array>

#include "engine/cuda/kernels/sm90/depthwise_pointwise/depthwise_pointwise_launch.cuh"

namespace peregrine::cuda::tiles {

std::span<const DepthwisePointwiseTile> depthwise_pointwise_tiles() {
  static constexpr std::array all{depthwise_pointwise_tile<64, 1>(),  depthwise_pointwise_tile<64, 3>(),
                                  depthwise_pointwise_tile<80, 1>(),  depthwise_pointwise_tile<80, 3>(),
                                  depthwise_pointwise_tile<128, 1>(), depthwise_pointwise_tile<128, 3>()};
  return all;
}

}  // namespace peregrine::cuda::tiles
