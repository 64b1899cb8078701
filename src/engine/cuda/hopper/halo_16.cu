#include "engine/cuda/hopper/halo_launch.cuh"

namespace peregrine::cuda::tiles {

std::span<const HaloTile> halo_tiles_16() {
  static constexpr std::array all{halo_tile<16, 32, 4>(), halo_tile<16, 32, 2>(),       halo_tile<16, 16, 3>(),
                                  halo_tile<16, 16, 2>(), halo_tile<16, 32, 4, 1, 2>(), halo_tile<16, 32, 2, 1, 2>()};
  return all;
}

}  // namespace peregrine::cuda::tiles
