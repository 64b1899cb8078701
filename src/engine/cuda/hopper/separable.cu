#include <array>

#include "engine/cuda/hopper/separable_launch.cuh"

namespace peregrine::cuda::tiles {

std::span<const SeparableTile> separable_tiles() {
  static constexpr std::array all{separable_tile<64, 1>(), separable_tile<64, 3>(),  separable_tile<80, 1>(),
                                  separable_tile<80, 3>(), separable_tile<128, 1>(), separable_tile<128, 3>()};
  return all;
}

}  // namespace peregrine::cuda::tiles
