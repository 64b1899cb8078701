#include "engine/cuda/hopper/halo_launch.cuh"

namespace peregrine::cuda::tiles {

std::span<const HaloTile> halo_tiles_32() {
  static constexpr std::array all{halo_tile<32, 64, 2>(), halo_tile<32, 32, 4>(),       halo_tile<32, 32, 2>(),
                                  halo_tile<32, 16, 2>(), halo_tile<32, 64, 2, 1, 2>(), halo_tile<32, 32, 2, 1, 2>()};
  return all;
}

}  // namespace peregrine::cuda::tiles
