// What the persistent kernels beside have in common: the order in which the one thread that fetches and the
// warpgroups that compute go through the tiles, and how a warp leaves results for TMA.
#pragma once

#include "engine/cuda/kernels/conv/gemm_conv.cuh"
#include "engine/cuda/kernels/sm90/instructions.cuh"
#include "engine/cuda/kernels/sm90/tiles.h"

namespace peregrine::cuda::tiles {

/// Calls fetch(consumer, slot, k_tile, coord, full_barrier) for every k tile of every tile of the block, once
/// its memory is free. Of the block, `arguments` knows the tiles, the k tiles of each and how many lie ready
/// for a warpgroup.
template <class K, class Arguments, class Barriers, class Fetch>
__device__ __forceinline__ void for_each_k_tile(const Arguments& a, Barriers& barriers, Fetch fetch) {
  PipelineState start{a.stages};
  for (int tile = static_cast<int>(blockIdx.x); tile < a.tiles; start.advance(a.k_tiles))
    for (int consumer = 0; consumer < K::consumers && tile < a.tiles;
         ++consumer, tile += static_cast<int>(gridDim.x)) {
      const TileCoord coord = tile_coord_of(tile, a.tiles_w, a.tiles_h);
      PipelineState state = start;
      for (int c = 0; c < a.k_tiles; ++c, state.advance()) {
        barriers.empty_barrier[consumer][state.slot].wait(state.parity ^ 1);
        fetch(consumer, state.slot, c, coord, barriers.full_barrier[consumer][state.slot]);
      }
    }
}

/// A lane's values as wgmma leaves them, rounded, as four matrices of eight by eight; `address` is of the
/// lane's row of one of them.
__device__ __forceinline__ void store_matrices(std::uint32_t address, const float (&values)[8]) {
  std::uint32_t pairs[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) pairs[i] = gemm::pack(values[2 * i], values[2 * i + 1]);
  cute::SM90_U32x4_STSM_N::copy(pairs[0], pairs[1], pairs[2], pairs[3],
                                *static_cast<cute::uint128_t*>(__cvta_shared_to_generic(address)));
}

}  // namespace peregrine::cuda::tiles
