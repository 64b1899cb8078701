// A 3x3 convolution whose weights stay in shared memory. What a tile of 8x8 pixels is made of is fetched
// once, by TMA, the halo of pixels around it included; the nine taps are nine views of it, a shifted start
// address each, which wgmma reads where they lie. With stride 2 the pixels of odd and of even rows and
// columns are fetched apart, so that each view is dense again. Blocks are persistent: one warp fetches ahead,
// warpgroups take the tiles in turn, so that some compute while others write. Where the weights of all
// channels are too many, the blocks of a cluster share them: each adds up its part of the channels for the
// same tiles, sends the others their part of the sums, and finishes its own.
#pragma once

#include <cooperative_groups.h>

#include "engine/cuda/kernels/conv/gemm_conv.cuh"
#include "engine/cuda/kernels/sm90/conv3x3/conv3x3_sm90_layout.h"
#include "engine/cuda/kernels/sm90/persistent.cuh"

namespace peregrine::cuda::tiles {

struct Conv3x3Params {
  CUtensorMap x[4];  ///< by parity plane
  CUtensorMap weight, y, residual;
  const float* bias;  ///< null: none
  int out_channels;   ///< channels of y
  int k_tiles;        ///< that a block's share of the channels of x is fetched in
  int stages;         ///< k tiles that lie ready for a warpgroup; 2 at least where there are several
  int tiles_w, tiles_h, tiles;
  bool has_residual;
  ResidualPlace residual_place;
  Activation activation;
};

template <class K>
struct Conv3x3Barriers {
  FullBarrier weights;
  FullBarrier residual[K::consumers], received[K::consumers];
  EmptyBarrier taken[K::consumers];  ///< what was sent to others
  FullBarrier full_barrier[K::consumers][K::max_stages];
  EmptyBarrier empty_barrier[K::consumers][K::max_stages];
};

// ------------------------------------------------------------ kernels

template <class K>
class Conv3x3Block {
 public:
  static_assert(sizeof(Conv3x3Barriers<K>) == K::barrier_bytes);
  using Sums = float[K::tile_n / 2];
  using OwnSums = float[K::own_tile_n / 2];

  __device__ Conv3x3Block(const Conv3x3Params& a, std::byte* shared)
      : a_(a),
        results_(shared),
        received_(results_ + K::consumers * K::result_bytes),
        stages_(received_ + K::consumers * K::received_bytes),
        weights_(stages_ + K::consumers * a.stages * K::stage_bytes),
        barriers_(*reinterpret_cast<Conv3x3Barriers<K>*>(weights_ + K::weight_bytes(a.k_tiles))),
        rank_(static_cast<int>(blockIdx.z)),
        first_column_(static_cast<int>(blockIdx.y) * K::tile_n) {}

  __device__ void prepare() const {
    if (threadIdx.x == 0) {
      barriers_.weights.init(1);
      for (int consumer = 0; consumer < K::consumers; ++consumer) {
        barriers_.residual[consumer].init(1);
        barriers_.received[consumer].init(1);
        if constexpr (K::split > 1) barriers_.taken[consumer].init(K::split - 1);
        for (int i = 0; i < a_.stages; ++i)
          barriers_.full_barrier[consumer][i].init(1), barriers_.empty_barrier[consumer][i].init(4);
      }
      cutlass::arch::fence_barrier_init();
    }
    sync_block();
  }

  __device__ void fetch_weights() const {
    barriers_.weights.arrive_and_expect_tx(K::weight_bytes(a_.k_tiles));
    std::byte* to = weights_;
    for (int c = 0; c < a_.k_tiles; ++c)
      for (int tap = 0; tap < window_taps; ++tap, to += K::tap_bytes)
        fetch_common(to, a_.weight, barriers_.weights, channel_of(c), tap, first_column_);
  }

  __device__ void fetch_tiles() const {
    for_each_k_tile<K>(a_, barriers_,
                       [&](int consumer, int slot, int c, const TileCoord& coord, FullBarrier& full_barrier) {
                         full_barrier.arrive_and_expect_tx(K::parity_planes * K::plane_bytes);
                         for (int parity_plane = 0; parity_plane < K::parity_planes; ++parity_plane) {
                           const int w = K::plane_start(coord.w, parity_plane % 2 != 0),
                                     h = K::plane_start(coord.h, parity_plane / 2 != 0);
                           fetch(stage(consumer, slot) + parity_plane * K::plane_step, a_.x[parity_plane],
                                 full_barrier, channel_of(c), w, h, coord.n);
                         }
                       });
  }

  __device__ void compute(int consumer) const {
    float2 bias[K::tile_n / 8];
    load_bias(bias);
    PipelineState state{a_.stages};
    int parity = 0;
    const int step = static_cast<int>(gridDim.x) * K::consumers;
    barriers_.weights.wait(0);
    for (int tile = static_cast<int>(blockIdx.x + gridDim.x * consumer); tile < a_.tiles;
         tile += step, parity ^= 1) {
      const TileCoord coord = tile_coord_of(tile, a_.tiles_w, a_.tiles_h);
      Sums sum;
#pragma unroll
      for (int i = 0; i < K::tile_n / 2; i += 2) sum[i] = bias[i / 4].x, sum[i + 1] = bias[i / 4].y;
      begin_result(consumer, coord);
      add_up(sum, consumer, state);
      if (a_.has_residual)
        barriers_.residual[consumer].wait(parity);
      else
        sync_warpgroup(consumer);  // begin_result() is done
      if constexpr (K::split == 1) {
        finish(sum, consumer);
      } else {
        OwnSums own;
        exchange(own, sum, consumer, parity);
        finish(own, consumer);
      }
      cute::tma_store_fence();
      sync_warpgroup(consumer);
      if (is_elected()) end_result(consumer, coord);
    }
    if (is_elected()) cute::tma_store_wait<0>();
  }

  /// Of the block; of the cluster where there is one. All threads of a warp are here.
  __device__ void sync_block() const {
    __syncwarp();
    if constexpr (K::split > 1)
      cooperative_groups::this_cluster().sync();
    else
      __syncthreads();
  }

 private:
  static __device__ bool is_elected() { return threadIdx.x % warpgroup == 0; }
  static __device__ void sync_warpgroup(int consumer) {
    cutlass::arch::NamedBarrier::sync(warpgroup, static_cast<std::uint32_t>(consumer));
  }
  __device__ int channel_of(int c) const { return (rank_ * a_.k_tiles + c) * K::tile_k; }
  __device__ int own_column() const { return first_column_ + rank_ * K::own_tile_n; }
  __device__ std::byte* stage(int consumer, int slot) const {
    return stages_ + (consumer * a_.stages + slot) * K::stage_bytes;
  }
  __device__ std::byte* result(int consumer) const { return results_ + consumer * K::result_bytes; }

  /// wgmma gives a lane two channels of each eight. The first of a cluster starts from it, the others from
  /// zero.
  __device__ void load_bias(float2 (&bias)[K::tile_n / 8]) const {
#pragma unroll
    for (int block = 0; block < K::tile_n / 8; ++block) {
      const int channel = first_column_ + 8 * block + static_cast<int>(threadIdx.x % 4) * 2;
      const bool is_there = a_.bias && channel < a_.out_channels && rank_ == 0;
      bias[block] = is_there ? *reinterpret_cast<const float2*>(a_.bias + channel) : make_float2(0, 0);
    }
  }

  /// Once the last result is written out, its memory takes the residual, in whose place the next result
  /// comes.
  __device__ void begin_result(int consumer, const TileCoord& coord) const {
    if (!is_elected()) return;
    if constexpr (K::split > 1) barriers_.received[consumer].arrive_and_expect_tx(K::received_bytes);
    cute::tma_store_wait<0>();
    if (!a_.has_residual) return;
    FullBarrier& full_barrier = barriers_.residual[consumer];
    full_barrier.arrive_and_expect_tx(K::result_bytes);
    fetch(result(consumer), a_.residual, full_barrier, own_column(), coord.w, coord.h, coord.n);
  }

  __device__ void end_result(int consumer, const TileCoord& coord) const {
    cute::SM90_TMA_STORE_4D::copy(&a_.y, result(consumer), own_column(), coord.w, coord.h, coord.n);
    cute::tma_store_arrive();
    if constexpr (K::split > 1)
      for (int other = 0; other < K::split; ++other)
        if (other != rank_) barriers_.taken[consumer].arrive(static_cast<std::uint32_t>(other));
  }

  __device__ __forceinline__ void add_up(Sums& sum, int consumer, PipelineState& state) const {
    constexpr auto registers = std::make_integer_sequence<int, K::tile_n / 2>();
    const std::uint32_t weights = cute::cast_smem_ptr_to_uint(weights_);
    const auto release = [&](int slot) {
      if (threadIdx.x % 32 == 0) barriers_.empty_barrier[consumer][slot].arrive();
    };
#pragma unroll
    for (float& value : sum) cute::warpgroup_fence_operand(value);
    int previous = 0;
    for (int c = 0; c < a_.k_tiles; ++c, previous = state.slot, state.advance()) {
      barriers_.full_barrier[consumer][state.slot].wait(state.parity);
      const std::uint32_t halo = cute::cast_smem_ptr_to_uint(stage(consumer, state.slot));
      cute::warpgroup_arrive();
#pragma unroll
      for (int tap = 0; tap < window_taps; ++tap)
#pragma unroll
        for (int k = 0; k < K::row_bytes; k += 32)
          multiply<K::tile_n>(
              sum, matrix_at<K::tile_k>(halo + K::view_of(tap) + k, K::group_bytes),
              matrix_at<K::tile_k>(weights + (c * window_taps + tap) * K::tap_bytes + k, edge * K::row_bytes),
              registers);
      cute::warpgroup_commit_batch();
      if (c > 0) cute::warpgroup_wait<1>(), release(previous);
    }
    cute::warpgroup_wait<0>();
    release(previous);
#pragma unroll
    for (float& value : sum) cute::warpgroup_fence_operand(value);
  }

  /// Where lies what a block of the cluster sent to another.
  __device__ std::uint32_t received(int consumer, int from, int to) const {
    const int place = consumer * (K::split - 1) + K::part_of(from, to);
    return cute::cast_smem_ptr_to_uint(received_) + place * K::sent_bytes +
           static_cast<int>(threadIdx.x % warpgroup) * 16;
  }

  /// Sends the others their columns, and adds theirs to its own.
  __device__ __forceinline__ void exchange(OwnSums& own, const Sums& sum, int consumer, int parity) const {
    constexpr int values = K::own_tile_n / 2, vector_bytes = warpgroup * 16;
    barriers_.taken[consumer].wait(parity ^ 1);
#pragma unroll
    for (int to = 0; to < K::split; ++to) {
      if (to == rank_) {
#pragma unroll
        for (int i = 0; i < values; ++i) own[i] = sum[to * values + i];
        continue;
      }
      const auto block = static_cast<std::uint32_t>(to);
      const std::uint32_t there = cute::set_block_rank(received(consumer, rank_, to), block);
      const std::uint32_t full_barrier =
          cute::set_block_rank(cute::cast_smem_ptr_to_uint(&barriers_.received[consumer]), block);
#pragma unroll
      for (int i = 0; i < values; i += 4) {
        const float* const part = sum + to * values + i;
        send(there + i / 4 * vector_bytes, full_barrier, {part[0], part[1], part[2], part[3]});
      }
    }
    barriers_.received[consumer].wait(parity);
    for (int from = 0; from < K::split; ++from) {
      if (from == rank_) continue;
      const auto* const part =
          static_cast<const std::byte*>(__cvta_shared_to_generic(received(consumer, from, rank_)));
#pragma unroll
      for (int i = 0; i < values; i += 4) {
        const float4 v = *reinterpret_cast<const float4*>(part + i / 4 * vector_bytes);
        own[i] += v.x, own[i + 1] += v.y, own[i + 2] += v.z, own[i + 3] += v.w;
      }
    }
  }

  /// Sixteen rows of the tile a warp, sixteen channels at a time: four matrices of eight by eight.
  __device__ __forceinline__ void finish(const OwnSums& sum, int consumer) const {
    const int lane = static_cast<int>(threadIdx.x % 32),
              row = static_cast<int>(threadIdx.x % warpgroup) / 32 * 16 + lane % 16;
    const std::uint32_t tile = cute::cast_smem_ptr_to_uint(result(consumer));
#pragma unroll
    for (int block = 0; block < K::own_tile_n / 8; block += 2) {
      const std::uint32_t address = tile + 16 * gemm::swizzled<K::own_tile_n / 8>(row, block + lane / 16);
      float values[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) values[i] = sum[4 * block + i];
      if (a_.has_residual) {
        float more[8];
        std::uint32_t pairs[4];
        gemm::load_matrices(pairs, address);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&pairs[i]));
          more[2 * i] = pair.x, more[2 * i + 1] = pair.y;
        }
        device::finish(values, more, a_.activation, a_.residual_place);
      } else {
        device::activate(values, a_.activation);
      }
      store_matrices(address, values);
    }
  }

  const Conv3x3Params& a_;
  std::byte *results_, *received_, *stages_, *weights_;
  Conv3x3Barriers<K>& barriers_;
  int rank_, first_column_;
};

/// y[p, k] = epilogue(sum over the 9 taps and c of x[tap of p, c] weight[k, tap, c] + bias[k]), stride 1 or
/// 2, by wgmma with FP32 sums.
/// A tile is 8x8 pixels x tile_n channels of y; one thread fetches by TMA, `consumers` warpgroups take the
/// tiles in turn; the grid is persistent blocks x channel tiles x `split`, whose blocks are a cluster and
/// share the channels of x.
/// Shared memory, in order: results, sums received from the cluster, stages of x with its halo (all three
/// by consumer), the weights, the barriers (Conv3x3Layout::shared_bytes).
/// Barriers: `weights` and full_barrier publish what TMA wrote, empty_barrier frees a stage for the next
/// fetch, `residual` publishes the residual, `received` the sums of other blocks, `taken` keeps a block
/// from sending over sums that are still read; sync_warpgroup() keeps a result from being overwritten
/// before it is stored.
/// The provider "conv3x3_sm90" launches it for Conv steps on compute capability 9.0.
template <class K>
__global__ void __launch_bounds__(K::threads)
    conv3x3_sm90(const __grid_constant__ Conv3x3Params a, device::PdlTrigger trigger) {
  extern __shared__ __align__(1024) std::byte shared[];
  const Conv3x3Block<K> block(a, shared);
  block.prepare();
  const int group = static_cast<int>(threadIdx.x) / warpgroup;
  const bool fetches = threadIdx.x == warpgroup * K::consumers;
  if (fetches) block.fetch_weights();
  device::grid_dependency_wait(trigger);
  if (group < K::consumers)
    block.compute(group);
  else if (fetches)
    block.fetch_tiles();
  if constexpr (K::split > 1) block.sync_block();  // others may still send to this block's memory
}

}  // namespace peregrine::cuda::tiles
