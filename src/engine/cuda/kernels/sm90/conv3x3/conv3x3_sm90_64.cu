#include "engine/cuda/kernels/sm90/conv3x3/conv3x3_sm90_launch.cuh"

namespace peregrine::cuda::tiles {

std::span<const Conv3x3Tile> conv3x3_tiles_64() {
  static constexpr std::array all{
      conv3x3_tile<64, 64, 4>(),       conv3x3_tile<64, 64, 2>(),       conv3x3_tile<64, 32, 4>(),
      conv3x3_tile<64, 32, 2>(),       conv3x3_tile<64, 16, 2>(),       conv3x3_tile<64, 64, 4, 2>(),
      conv3x3_tile<64, 64, 2, 2>(),    conv3x3_tile<64, 64, 4, 4>(),    conv3x3_tile<64, 64, 2, 4>(),
      conv3x3_tile<64, 64, 2, 1, 2>(), conv3x3_tile<64, 32, 2, 1, 2>(), conv3x3_tile<64, 64, 2, 2, 2>()};
  return all;
}

}  // namespace peregrine::cuda::tiles
