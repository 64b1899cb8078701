// The shared-memory budget of the persistent kernels of this folder.
#pragma once

#include <algorithm>

namespace peregrine::cuda::tiles {

/// Shared memory of compute capability 9.0; of each block the driver keeps some.
inline constexpr int multiprocessor_bytes = 228 * 1024, most_block_bytes = 227 * 1024, reserved_bytes = 1024;

/// As many k tiles ahead as fit into the share of `blocks` in a multiprocessor's memory; 0: too few.
template <class K>
int stages_of(int k_tiles, int blocks) {
  const int room = std::min(most_block_bytes, multiprocessor_bytes / blocks - reserved_bytes);
  for (int stages = K::max_stages; stages >= std::min(k_tiles, 2); --stages)
    if (K::shared_bytes(k_tiles, stages) <= room) return stages;
  return 0;
}

}  // namespace peregrine::cuda::tiles
