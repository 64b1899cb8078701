// How much of a multiprocessor the persistent kernels beside take.
#pragma once

#include <algorithm>

namespace peregrine::cuda::tiles {

/// Shared memory of compute capability 9.0; of each block the driver keeps some.
inline constexpr int multiprocessor_bytes = 228 * 1024, most_block_bytes = 227 * 1024, reserved_bytes = 1024;

/// As many chunks ahead as fit into the share of `blocks` in a multiprocessor's memory; 0: too few.
template <class K>
int depth_of(int chunks, int blocks) {
  const int room = std::min(most_block_bytes, multiprocessor_bytes / blocks - reserved_bytes);
  for (int depth = K::most_depth; depth >= std::min(chunks, 2); --depth)
    if (K::shared_bytes(chunks, depth) <= room) return depth;
  return 0;
}

}  // namespace peregrine::cuda::tiles
