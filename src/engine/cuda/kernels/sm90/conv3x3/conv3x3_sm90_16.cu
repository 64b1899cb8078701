#include "engine/cuda/kernels/sm90/conv3x3/conv3x3_sm90_launch.cuh"

namespace peregrine::cuda::tiles {

std::span<const Conv3x3Tile> conv3x3_tiles_16() {
  static constexpr std::array all{conv3x3_tile<16, 32, 4>(),       conv3x3_tile<16, 32, 2>(),
                                  conv3x3_tile<16, 16, 3>(),       conv3x3_tile<16, 16, 2>(),
                                  conv3x3_tile<16, 32, 4, 1, 2>(), conv3x3_tile<16, 32, 2, 1, 2>()};
  return all;
}

}  // namespace peregrine::cuda::tiles
