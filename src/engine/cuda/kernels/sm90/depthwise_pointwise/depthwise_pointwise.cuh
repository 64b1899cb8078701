// A depthwise 3x3 convolution and the 1x1 convolution behind it, the map between them never written. TMA
// fetches a tile of 8x8 pixels with its halo, a k tile of channels at a time; a thread makes the depthwise
// results of two pixels in registers, in the very places where wgmma takes its left matrix from, and the
// weights of the 1x1 convolution stay in shared memory. Blocks are persistent: one thread fetches ahead,
// warpgroups take the tiles in turn, so that some convolve while others multiply or write.
#pragma once

#include "cutlass/arch/reg_reconfig.h"
#include "engine/cuda/kernels/conv/gemm_conv.cuh"
#include "engine/cuda/kernels/sm90/depthwise_pointwise/depthwise_pointwise_layout.h"
#include "engine/cuda/kernels/sm90/persistent.cuh"
// The widths that are no power of two; behind what it is made of.
#include "cute/arch/mma_sm90_gmma_ext.hpp"

namespace peregrine::cuda::tiles {

struct DepthwisePointwiseParams {
  CUtensorMap x, y;
  const __half *depthwise, *pointwise;  ///< [9][channels] and [channels of y][channels]
  const float *bias1, *bias2;           ///< null: none
  int channels, k_tiles;                ///< of x
  int stages;                           ///< k tiles that lie ready for a warpgroup
  int tiles_w, tiles_h, tiles;
  Activation activation1, activation2;
};

template <class K>
struct DepthwisePointwiseBarriers {
  FullBarrier full_barrier[K::consumers][K::max_stages];
  EmptyBarrier empty_barrier[K::consumers][K::max_stages];
};

// ------------------------------------------------------------ kernels

template <class K>
class DepthwisePointwiseBlock {
 public:
  static_assert(sizeof(DepthwisePointwiseBarriers<K>) == K::barrier_bytes);
  static constexpr int values = K::tile_n / 2;
  using Sums = float[values];
  using Left = std::uint32_t[8];  ///< a k tile's left matrices: two of 64 by 16

  __device__ DepthwisePointwiseBlock(const DepthwisePointwiseParams& a, std::byte* shared)
      : a_(a),
        results_(shared),
        pointwise_(results_ + K::consumers * K::result_bytes),
        stages_(pointwise_ + K::pointwise_bytes(a.k_tiles)),
        depthwise_(stages_ + K::consumers * a.stages * K::stage_bytes),
        bias1_(reinterpret_cast<float*>(depthwise_ + K::depthwise_bytes(a.k_tiles))),
        bias2_(bias1_ + a.k_tiles * K::tile_k),
        barriers_(*reinterpret_cast<DepthwisePointwiseBarriers<K>*>(bias2_ + K::tile_n)),
        first_column_(static_cast<int>(blockIdx.y) * K::tile_n) {}

  /// By all threads.
  __device__ void prepare() const {
    if (threadIdx.x == 0) {
      for (int consumer = 0; consumer < K::consumers; ++consumer)
        for (int i = 0; i < a_.stages; ++i)
          barriers_.full_barrier[consumer][i].init(1), barriers_.empty_barrier[consumer][i].init(4);
      cutlass::arch::fence_barrier_init();
    }
    load_pointwise();
    load_depthwise();
    cutlass::arch::fence_view_async_shared();  // wgmma reads what threads wrote
    __syncthreads();
  }

  __device__ void fetch_tiles() const {
    for_each_k_tile<K>(
        a_, barriers_, [&](int consumer, int slot, int c, const TileCoord& coord, FullBarrier& full_barrier) {
          full_barrier.arrive_and_expect_tx(K::stage_bytes);
          fetch(stage(consumer, slot), a_.x, full_barrier, c * K::tile_k, coord.w - 1, coord.h - 1, coord.n);
        });
  }

  __device__ void compute(int consumer) const {
    PipelineState state{a_.stages};
    const int step = static_cast<int>(gridDim.x) * K::consumers;
    for (int tile = static_cast<int>(blockIdx.x + gridDim.x * consumer); tile < a_.tiles; tile += step) {
      const TileCoord coord = tile_coord_of(tile, a_.tiles_w, a_.tiles_h);
      Sums sum = {};
      add_up(sum, consumer, state);
      if (is_elected()) cute::tma_store_wait<0>();  // the last result is written out
      sync_warpgroup(consumer);
      finish(sum, consumer);
      cute::tma_store_fence();
      sync_warpgroup(consumer);
      if (is_elected()) write(consumer, coord);
    }
    if (is_elected()) cute::tma_store_wait<0>();
  }

 private:
  static __device__ int lane() { return static_cast<int>(threadIdx.x) % 32; }
  static __device__ int warp() { return static_cast<int>(threadIdx.x) % warpgroup / 32; }
  static __device__ bool is_elected() { return threadIdx.x % warpgroup == 0; }
  static __device__ void sync_warpgroup(int consumer) {
    cutlass::arch::NamedBarrier::sync(warpgroup, static_cast<std::uint32_t>(consumer));
  }
  __device__ std::byte* stage(int consumer, int slot) const {
    return stages_ + (consumer * a_.stages + slot) * K::stage_bytes;
  }
  __device__ std::byte* result(int consumer) const { return results_ + consumer * K::result_bytes; }

  /// Channels beyond the last weigh nothing.
  __device__ uint4 vector_of(const __half* row, int channel) const {
    return channel < a_.channels ? __ldg(reinterpret_cast<const uint4*>(row + channel)) : uint4{};
  }

  __device__ void load_pointwise() const {
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < a_.k_tiles * K::tile_n; i += K::threads) {
      const int tile_k = i / K::tile_n, column = i % K::tile_n;
      const __half* const row = a_.pointwise + std::int64_t{first_column_ + column} * a_.channels;
      uint4 from[K::vectors];
#pragma unroll
      for (int q = 0; q < K::vectors; ++q) from[q] = vector_of(row, tile_k * K::tile_k + q * 8);
      const auto store = [&](int unit, std::uint32_t uint4::*word) {
        *reinterpret_cast<uint4*>(pointwise_ + K::unit_at(tile_k, unit, column)) = {
            from[0].*word, from[1].*word, from[2].*word, from[3].*word};
      };
      store(0, &uint4::x), store(1, &uint4::y), store(2, &uint4::z), store(3, &uint4::w);
    }
  }

  __device__ void load_depthwise() const {
    constexpr int all = window_taps * K::vectors;
    for (int i = static_cast<int>(threadIdx.x); i < a_.k_tiles * all; i += K::threads) {
      const int channel = i / all * K::tile_k + i % K::vectors * 8, tap = i % all / K::vectors;
      reinterpret_cast<uint4*>(depthwise_)[i] = vector_of(a_.depthwise + tap * a_.channels, channel);
    }
    for (int i = static_cast<int>(threadIdx.x); i < a_.k_tiles * K::tile_k; i += K::threads)
      bias1_[i] = a_.bias1 && i < a_.channels ? a_.bias1[i] : 0.0f;
    for (int i = static_cast<int>(threadIdx.x); i < K::tile_n; i += K::threads)
      bias2_[i] = a_.bias2 ? a_.bias2[first_column_ + i] : 0.0f;
  }

  __device__ __forceinline__ void add_up(Sums& sum, int consumer, PipelineState& state) const {
    const std::uint32_t pointwise = cute::cast_smem_ptr_to_uint(pointwise_);
    for (int c = 0; c < a_.k_tiles; ++c, state.advance()) {
      Left left;
      barriers_.full_barrier[consumer][state.slot].wait(state.parity);
      convolve(left, stage(consumer, state.slot), c);
      __syncwarp();
      if (lane() == 0) barriers_.empty_barrier[consumer][state.slot].arrive();
#pragma unroll
      for (float& value : sum) cute::warpgroup_fence_operand(value);
#pragma unroll
      for (std::uint32_t& value : left) cute::warpgroup_fence_operand(value);
      cute::warpgroup_arrive();
#pragma unroll
      for (int step = 0; step < 2; ++step)
        multiply(sum, left + 4 * step, pointwise + K::unit_at(c, 2 * step, 0),
                 std::make_integer_sequence<int, values>());
      cute::warpgroup_commit_batch();
      cute::warpgroup_wait<0>();  // before the next k tile takes the registers of `left`; other warpgroups go
                                  // on
#pragma unroll
      for (float& value : sum) cute::warpgroup_fence_operand(value);
    }
  }

  /// Three pixels of a row of the halo serve the upper pixel with one row of the window, the lower one with
  /// the row above.
  __device__ __forceinline__ void convolve(Left& left, const std::byte* stage, int c) const {
    using device::load;
    const std::byte* const pixels = stage + K::view_of(warp(), lane());
    const std::byte* const taps = depthwise_ + c * window_taps * K::pixel_bytes + lane() % 4 * 16;
    const auto vector = [](const std::byte* from, int pixel) {
      return reinterpret_cast<const __half*>(from + pixel * K::pixel_bytes);
    };
    float sum[2][8], line[2][3][8];
    load<float, 8>(sum[0], bias1_ + c * K::tile_k + lane() % 4 * 8);
#pragma unroll
    for (int i = 0; i < 8; ++i) sum[1][i] = sum[0][i];
#pragma unroll
    for (int row = 0; row < 4; ++row) {
#pragma unroll
      for (int k = 0; k < 3; ++k) load<__half, 8>(line[row % 2][k], vector(pixels, row * K::halo_edge + k));
      if (row == 0) continue;
#pragma unroll
      for (int k = 0; k < 3; ++k) {
        float weight[8];
        load<__half, 8>(weight, vector(taps, (row - 1) * 3 + k));
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          sum[0][i] += line[(row - 1) % 2][k][i] * weight[i];
          sum[1][i] += line[row % 2][k][i] * weight[i];
        }
      }
    }
#pragma unroll
    for (float(&pixel)[8] : sum) device::activate(pixel, a_.activation1);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int word = K::word_of(i / 4, i % 4);
      left[i] = gemm::pack(sum[i % 2][2 * word], sum[i % 2][2 * word + 1]);
    }
  }

  /// sum += left [64, 16] times a step of the pointwise weights.
  template <int... i>
  static __device__ __forceinline__ void multiply(Sums& sum, const std::uint32_t* left, std::uint32_t weights,
                                                  std::integer_sequence<int, i...>) {
    using namespace cute::SM90::GMMA;
    const std::uint64_t right = matrix_at<K::tile_k>(weights, K::group_bytes);
    const auto fma = [&]<class Instruction>(Instruction) {
      Instruction::fma(left[0], left[1], left[2], left[3], right, sum[i]...);
    };
    if constexpr (K::tile_n == 64) fma(MMA_64x64x16_F32F16F16_RS<Major::K, Major::K>{});
    if constexpr (K::tile_n == 80) fma(MMA_64x80x16_F32F16F16_RS<Major::K, Major::K>{});
    if constexpr (K::tile_n == 128) fma(MMA_64x128x16_F32F16F16_RS<Major::K, Major::K>{});
  }

  /// Sixteen rows of the tile a warp, sixteen channels at a time: four matrices of eight by eight.
  __device__ __forceinline__ void finish(const Sums& sum, int consumer) const {
    const int row = warp() * 16 + lane() % 16;
    const std::uint32_t tile = cute::cast_smem_ptr_to_uint(result(consumer));
#pragma unroll
    for (int block = 0; block < K::tile_n / 8; block += 2) {
      constexpr int box_vectors = K::box / 8;
      const std::uint32_t address = tile + block / box_vectors * K::box_bytes +
                                    16 * gemm::swizzled<box_vectors>(row, block % box_vectors + lane() / 16);
      float two[8];
#pragma unroll
      for (int i = 0; i < 8; ++i)
        two[i] = sum[4 * block + i] + bias2_[8 * (block + i / 4) + lane() % 4 * 2 + i % 2];
      device::activate(two, a_.activation2);
      store_matrices(address, two);
    }
  }

  __device__ void write(int consumer, const TileCoord& coord) const {
#pragma unroll
    for (int box = 0; box < K::tile_n / K::box; ++box)
      cute::SM90_TMA_STORE_4D::copy(&a_.y, result(consumer) + box * K::box_bytes,
                                    first_column_ + box * K::box, coord.w, coord.h, coord.n);
    cute::tma_store_arrive();
  }

  const DepthwisePointwiseParams& a_;
  std::byte *results_, *pointwise_, *stages_, *depthwise_;
  float *bias1_, *bias2_;
  DepthwisePointwiseBarriers<K>& barriers_;
  int first_column_;
};

/// y[p, k] = activation2(sum over c of activation1(depthwise3x3(x)[p, c] + bias1[c]) weight2[k, c] +
/// bias2[k]), by wgmma with the left matrix in registers.
/// A tile is 8x8 pixels x tile_n channels of y; one thread fetches by TMA, `consumers` warpgroups take the
/// tiles in turn; the grid is persistent blocks x channel tiles.
/// Shared memory, in order: results, pointwise weights, stages of x with its halo, depthwise weights, both
/// biases, the barriers (DepthwisePointwiseLayout::shared_bytes).
/// Barriers: __syncthreads() in prepare() publishes barriers and weights, full_barrier publishes a stage
/// that TMA wrote, empty_barrier frees it for the next fetch; sync_warpgroup() keeps a result from being
/// overwritten before TMA has read it, then publishes the new one.
/// The provider "depthwise_pointwise" launches it for DepthwisePointwise steps on compute capability 9.0.
template <class K>
__global__ void __launch_bounds__(K::threads)
    depthwise_pointwise(const __grid_constant__ DepthwisePointwiseParams a, device::PdlTrigger trigger) {
  extern __shared__ __align__(1024) std::byte shared[];
  const DepthwisePointwiseBlock<K> block(a, shared);
  block.prepare();
  device::grid_dependency_wait(trigger);
  const int group = static_cast<int>(threadIdx.x) / warpgroup;
  if (group < K::consumers) {
    if constexpr (K::registers > 0) cutlass::arch::warpgroup_reg_alloc<K::registers>();
    block.compute(group);
  } else {
    if constexpr (K::registers > 0) cutlass::arch::warpgroup_reg_dealloc<K::fetching_registers>();
    if (threadIdx.x == warpgroup * K::consumers) block.fetch_tiles();
  }
}

}  // namespace peregrine::cuda::tiles
