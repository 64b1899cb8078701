// How the persistent kernels beside cut a map into tiles and go through them: arithmetic of host and device.
#pragma once

#include "core/host_device.h"

namespace peregrine::cuda::tiles {

/// Of a tile. Eight: the rows of a matrix that wgmma takes to lie side by side.
inline constexpr int edge = 8;
inline constexpr int window_taps = 9;
inline constexpr int warpgroup = 128;

/// The stage of a warpgroup's current k tile and its phase parity; producer and consumer advance it in the
/// same way.
struct PipelineState {
  int stages, slot = 0, parity = 0;

  PEREGRINE_HD void advance(int steps = 1) {
    for (slot += steps; slot >= stages; slot -= stages) parity ^= 1;
  }
};

/// Of a tile's first pixel in y.
struct TileCoord {
  int w, h, n;
};

PEREGRINE_HD TileCoord tile_coord_of(int tile, int tiles_w, int tiles_h) {
  const int row = tile / tiles_w;
  return {tile % tiles_w * edge, row % tiles_h * edge, row / tiles_h};
}

}  // namespace peregrine::cuda::tiles
