#include "engine/cuda/hopper/halo_launch.cuh"

namespace peregrine::cuda::tiles {

std::span<const HaloTile> halo_tiles_64() {
  static constexpr std::array all{halo_tile<64, 64, 4>(),       halo_tile<64, 64, 2>(),       halo_tile<64, 32, 4>(),
                                  halo_tile<64, 32, 2>(),       halo_tile<64, 16, 2>(),       halo_tile<64, 64, 4, 2>(),
                                  halo_tile<64, 64, 2, 2>(),    halo_tile<64, 64, 4, 4>(),    halo_tile<64, 64, 2, 4>(),
                                  halo_tile<64, 64, 2, 1, 2>(), halo_tile<64, 32, 2, 1, 2>(), halo_tile<64, 64, 2, 2, 2>()};
  return all;
}

}  // namespace peregrine::cuda::tiles
