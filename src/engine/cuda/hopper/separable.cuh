// A depthwise 3x3 convolution and the 1x1 convolution behind it, the map between them never written. TMA fetches a tile of 8x8
// pixels with its ring, a chunk of channels at a time; a thread makes the depthwise results of two pixels in registers, in the
// very places where wgmma takes its left matrix from, and the weights of the 1x1 convolution stay in shared memory. Blocks are
// persistent: one thread fetches ahead, warpgroups take the tiles in turn, so that some convolve while others multiply or write.
#pragma once

#include "cutlass/arch/reg_reconfig.h"
#include "engine/cuda/hopper/persistent.cuh"
#include "engine/cuda/hopper/separable_layout.h"
#include "engine/cuda/kernels/gemm_conv.cuh"
// The widths that are no power of two; behind what it is made of.
#include "cute/arch/mma_sm90_gmma_ext.hpp"

namespace peregrine::cuda::tiles {

struct SeparableArguments {
  CUtensorMap x, y;
  const __half *depthwise, *pointwise;  ///< [9][channels] and [channels of y][channels]
  const float *bias1, *bias2;           ///< null: none
  int channels, chunks;                 ///< of x
  int depth;                            ///< chunks that lie ready for a warpgroup
  int tiles_w, tiles_h, tiles;
  Activation activation1, activation2;
};

template <class K>
struct SeparableBarriers {
  Filled filled[K::consumers][K::most_depth];
  Emptied emptied[K::consumers][K::most_depth];
};

template <class K>
class SeparableBlock {
 public:
  static_assert(sizeof(SeparableBarriers<K>) == K::barrier_bytes);
  static constexpr int values = K::columns / 2;
  using Sums = float[values];
  using Left = std::uint32_t[8];  ///< a chunk's left matrices: two of 64 by 16

  __device__ SeparableBlock(const SeparableArguments& a, std::byte* shared)
      : a_(a),
        results_(shared),
        pointwise_(results_ + K::consumers * K::result_bytes),
        stages_(pointwise_ + K::pointwise_bytes(a.chunks)),
        depthwise_(stages_ + K::consumers * a.depth * K::stage_bytes),
        bias1_(reinterpret_cast<float*>(depthwise_ + K::depthwise_bytes(a.chunks))),
        bias2_(bias1_ + a.chunks * K::chunk),
        barriers_(*reinterpret_cast<SeparableBarriers<K>*>(bias2_ + K::columns)),
        first_column_(static_cast<int>(blockIdx.y) * K::columns) {}

  /// By all threads.
  __device__ void prepare() const {
    if (threadIdx.x == 0) {
      for (int consumer = 0; consumer < K::consumers; ++consumer)
        for (int i = 0; i < a_.depth; ++i) barriers_.filled[consumer][i].init(1), barriers_.emptied[consumer][i].init(4);
      cutlass::arch::fence_barrier_init();
    }
    load_pointwise();
    load_depthwise();
    cutlass::arch::fence_view_async_shared();  // wgmma reads what threads wrote
    __syncthreads();
  }

  __device__ void fetch_tiles() const {
    for_each_chunk<K>(a_, barriers_, [&](int consumer, int slot, int c, const Place& place, Filled& filled) {
      filled.arrive_and_expect_tx(K::stage_bytes);
      fetch(stage(consumer, slot), a_.x, filled, c * K::chunk, place.w - 1, place.h - 1, place.n);
    });
  }

  __device__ void compute(int consumer) const {
    Walk walk{a_.depth};
    const int step = static_cast<int>(gridDim.x) * K::consumers;
    for (int tile = static_cast<int>(blockIdx.x + gridDim.x * consumer); tile < a_.tiles; tile += step) {
      const Place place = place_of(tile, a_.tiles_w, a_.tiles_h);
      Sums sum = {};
      add_up(sum, consumer, walk);
      if (leads()) cute::tma_store_wait<0>();  // the last result is written out
      together(consumer);
      finish(sum, consumer);
      cute::tma_store_fence();
      together(consumer);
      if (leads()) write(consumer, place);
    }
    if (leads()) cute::tma_store_wait<0>();
  }

 private:
  static __device__ int lane() { return static_cast<int>(threadIdx.x) % 32; }
  static __device__ int warp() { return static_cast<int>(threadIdx.x) % warpgroup / 32; }
  static __device__ bool leads() { return threadIdx.x % warpgroup == 0; }
  static __device__ void together(int consumer) {
    cutlass::arch::NamedBarrier::sync(warpgroup, static_cast<std::uint32_t>(consumer));
  }
  __device__ std::byte* stage(int consumer, int slot) const { return stages_ + (consumer * a_.depth + slot) * K::stage_bytes; }
  __device__ std::byte* result(int consumer) const { return results_ + consumer * K::result_bytes; }

  /// Channels beyond the last weigh nothing.
  __device__ uint4 vector_of(const __half* row, int channel) const {
    return channel < a_.channels ? __ldg(reinterpret_cast<const uint4*>(row + channel)) : uint4{};
  }

  __device__ void load_pointwise() const {
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < a_.chunks * K::columns; i += K::threads) {
      const int chunk = i / K::columns, column = i % K::columns;
      const __half* const row = a_.pointwise + std::int64_t{first_column_ + column} * a_.channels;
      uint4 from[K::vectors];
#pragma unroll
      for (int q = 0; q < K::vectors; ++q) from[q] = vector_of(row, chunk * K::chunk + q * 8);
      const auto store = [&](int unit, std::uint32_t uint4::*word) {
        *reinterpret_cast<uint4*>(pointwise_ + K::unit_at(chunk, unit, column)) = {from[0].*word, from[1].*word, from[2].*word,
                                                                                   from[3].*word};
      };
      store(0, &uint4::x), store(1, &uint4::y), store(2, &uint4::z), store(3, &uint4::w);
    }
  }

  __device__ void load_depthwise() const {
    constexpr int all = window_taps * K::vectors;
    for (int i = static_cast<int>(threadIdx.x); i < a_.chunks * all; i += K::threads) {
      const int channel = i / all * K::chunk + i % K::vectors * 8, tap = i % all / K::vectors;
      reinterpret_cast<uint4*>(depthwise_)[i] = vector_of(a_.depthwise + tap * a_.channels, channel);
    }
    for (int i = static_cast<int>(threadIdx.x); i < a_.chunks * K::chunk; i += K::threads)
      bias1_[i] = a_.bias1 && i < a_.channels ? a_.bias1[i] : 0.0f;
    for (int i = static_cast<int>(threadIdx.x); i < K::columns; i += K::threads)
      bias2_[i] = a_.bias2 ? a_.bias2[first_column_ + i] : 0.0f;
  }

  __device__ __forceinline__ void add_up(Sums& sum, int consumer, Walk& walk) const {
    const std::uint32_t pointwise = cute::cast_smem_ptr_to_uint(pointwise_);
    for (int c = 0; c < a_.chunks; ++c, walk.advance()) {
      Left left;
      barriers_.filled[consumer][walk.slot].wait(walk.parity);
      convolve(left, stage(consumer, walk.slot), c);
      __syncwarp();
      if (lane() == 0) barriers_.emptied[consumer][walk.slot].arrive();
#pragma unroll
      for (float& value : sum) cute::warpgroup_fence_operand(value);
#pragma unroll
      for (std::uint32_t& value : left) cute::warpgroup_fence_operand(value);
      cute::warpgroup_arrive();
#pragma unroll
      for (int step = 0; step < 2; ++step)
        multiply(sum, left + 4 * step, pointwise + K::unit_at(c, 2 * step, 0), std::make_integer_sequence<int, values>());
      cute::warpgroup_commit_batch();
      cute::warpgroup_wait<0>();  // before the next chunk takes the registers of `left`; other warpgroups go on
#pragma unroll
      for (float& value : sum) cute::warpgroup_fence_operand(value);
    }
  }

  /// Three pixels of a row of the ring serve the upper pixel with one row of the window, the lower one with the row above.
  __device__ __forceinline__ void convolve(Left& left, const std::byte* stage, int c) const {
    using device::load;
    const std::byte* const pixels = stage + K::view_of(warp(), lane());
    const std::byte* const taps = depthwise_ + c * window_taps * K::pixel_bytes + lane() % 4 * 16;
    const auto vector = [](const std::byte* from, int pixel) {
      return reinterpret_cast<const __half*>(from + pixel * K::pixel_bytes);
    };
    float sum[2][8], line[2][3][8];
    load<float, 8>(sum[0], bias1_ + c * K::chunk + lane() % 4 * 8);
#pragma unroll
    for (int i = 0; i < 8; ++i) sum[1][i] = sum[0][i];
#pragma unroll
    for (int row = 0; row < 4; ++row) {
#pragma unroll
      for (int k = 0; k < 3; ++k) load<__half, 8>(line[row % 2][k], vector(pixels, row * K::ring_edge + k));
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
    const std::uint64_t right = matrix_at<K::chunk>(weights, K::group_bytes);
    const auto fma = [&]<class Instruction>(Instruction) {
      Instruction::fma(left[0], left[1], left[2], left[3], right, sum[i]...);
    };
    if constexpr (K::columns == 64) fma(MMA_64x64x16_F32F16F16_RS<Major::K, Major::K>{});
    if constexpr (K::columns == 80) fma(MMA_64x80x16_F32F16F16_RS<Major::K, Major::K>{});
    if constexpr (K::columns == 128) fma(MMA_64x128x16_F32F16F16_RS<Major::K, Major::K>{});
  }

  /// Sixteen rows of the tile a warp, sixteen channels at a time: four matrices of eight by eight.
  __device__ __forceinline__ void finish(const Sums& sum, int consumer) const {
    const int row = warp() * 16 + lane() % 16;
    const std::uint32_t tile = cute::cast_smem_ptr_to_uint(result(consumer));
#pragma unroll
    for (int block = 0; block < K::columns / 8; block += 2) {
      constexpr int box_vectors = K::box / 8;
      const std::uint32_t address =
          tile + block / box_vectors * K::box_bytes + 16 * gemm::swizzled<box_vectors>(row, block % box_vectors + lane() / 16);
      float two[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) two[i] = sum[4 * block + i] + bias2_[8 * (block + i / 4) + lane() % 4 * 2 + i % 2];
      device::activate(two, a_.activation2);
      store_matrices(address, two);
    }
  }

  __device__ void write(int consumer, const Place& place) const {
#pragma unroll
    for (int box = 0; box < K::columns / K::box; ++box)
      cute::SM90_TMA_STORE_4D::copy(&a_.y, result(consumer) + box * K::box_bytes, first_column_ + box * K::box, place.w, place.h,
                                    place.n);
    cute::tma_store_arrive();
  }

  const SeparableArguments& a_;
  std::byte *results_, *pointwise_, *stages_, *depthwise_;
  float *bias1_, *bias2_;
  SeparableBarriers<K>& barriers_;
  int first_column_;
};

template <class K>
__global__ void __launch_bounds__(K::threads) separable(const __grid_constant__ SeparableArguments a, device::Successor next) {
  extern __shared__ __align__(1024) std::byte shared[];
  const SeparableBlock<K> block(a, shared);
  block.prepare();
  device::wait_for_predecessor(next);
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
