// Instructions of compute capability 9.0a as the kernels beside need them: CUTLASS's wrappers where it has
// them.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <utility>

#include "cute/arch/cluster_sm90.hpp"
#include "cute/arch/copy_sm90.hpp"
// Before what follows, whose headers do not include it.
#include "cute/arch/copy_sm90_tma.hpp"
#include "cute/arch/mma_sm90_desc.hpp"
#include "cute/arch/mma_sm90_gmma.hpp"
#include "cutlass/arch/barrier.h"

namespace peregrine::cuda::tiles {

/// The producer's barrier counts arriving bytes, the consumers' counts arriving threads.
using FullBarrier = cutlass::arch::ClusterTransactionBarrier;
using EmptyBarrier = cutlass::arch::ClusterBarrier;

/// TMA's box with its first element at the coordinates, innermost first, to shared memory; outside of the
/// tensor lie zeros.
__device__ __forceinline__ void fetch(std::byte* to, const CUtensorMap& map, FullBarrier& full_barrier, int c,
                                      int w, int h, int n) {
  cute::SM90_TMA_LOAD_4D::copy(&map, reinterpret_cast<std::uint64_t*>(&full_barrier),
                               static_cast<std::uint64_t>(cute::TMA::CacheHintSm90::EVICT_NORMAL), to, c, w,
                               h, n);
}
/// The same of what every block reads.
__device__ __forceinline__ void fetch_common(std::byte* to, const CUtensorMap& map, FullBarrier& full_barrier,
                                             int c, int tap, int k) {
  cute::SM90_TMA_LOAD_3D::copy(&map, reinterpret_cast<std::uint64_t*>(&full_barrier),
                               static_cast<std::uint64_t>(cute::TMA::CacheHintSm90::EVICT_LAST), to, c, tap,
                               k);
}

/// Rows of `tile_k` channels from `address`, eight side by side, the next eight `group_bytes` on. Swizzling
/// is a matter of the address alone, so that a matrix may start at any row of what TMA wrote.
template <int tile_k>
__device__ __forceinline__ std::uint64_t matrix_at(std::uint32_t address, int group_bytes) {
  using cute::SM90::GMMA::LayoutType;
  constexpr auto layout = tile_k == 64 ? LayoutType::B128 : tile_k == 32 ? LayoutType::B64 : LayoutType::B32;
  cute::GmmaDescriptor matrix;
  matrix.bitfield.layout_type_ = static_cast<std::uint8_t>(layout);
  matrix.bitfield.start_address_ = static_cast<std::uint16_t>(address >> 4);
  matrix.bitfield.leading_byte_offset_ = 1;
  matrix.bitfield.stride_byte_offset_ = static_cast<std::uint16_t>(group_bytes >> 4);
  return matrix;
}

/// sum += a [64, 16] times b [tile_n, 16] transposed, by a warpgroup.
template <int tile_n, int... i>
__device__ __forceinline__ void multiply(float (&sum)[tile_n / 2], std::uint64_t a, std::uint64_t b,
                                         std::integer_sequence<int, i...>) {
  using namespace cute::SM90::GMMA;
  if constexpr (tile_n == 16) MMA_64x16x16_F32F16F16_SS<Major::K, Major::K>::fma(a, b, sum[i]...);
  if constexpr (tile_n == 32) MMA_64x32x16_F32F16F16_SS<Major::K, Major::K>::fma(a, b, sum[i]...);
  if constexpr (tile_n == 64) MMA_64x64x16_F32F16F16_SS<Major::K, Major::K>::fma(a, b, sum[i]...);
}

/// To another block of the cluster, whose `full_barrier` counts the 16 bytes.
__device__ __forceinline__ void send(std::uint32_t to, std::uint32_t full_barrier, const float (&v)[4]) {
  asm volatile(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%1, %2, %3, %4}, [%5];\n" ::
          "r"(to),
      "f"(v[0]), "f"(v[1]), "f"(v[2]), "f"(v[3]), "r"(full_barrier)
      : "memory");
}

}  // namespace peregrine::cuda::tiles
