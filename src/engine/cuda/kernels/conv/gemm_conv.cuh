// Convolution as an implicit GEMM on tensor cores (mma.sync, FP16 in, FP32 sums). Rows are output pixels,
// columns output channels; the reduction runs over window taps and input channels in vectors of 8, in the
// order in which the weights lie in memory. Tiles of both operands are copied to shared memory
// asynchronously, `stages` deep. With split > 1, that many blocks of one cluster share the reduction of a
// tile and add up through distributed shared memory.
#pragma once

#include <cooperative_groups.h>

#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/pixel_index.cuh"

namespace peregrine::cuda::gemm {

using namespace device;

struct Arguments {
  Map<const __half> x;
  Residual<__half> residual;
  Map<__half> y;
  const __half* weight;  ///< [taps of a transposed convolution][K][reduction]
  const float* bias;
  int kernel_w;
  int stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int vectors;       ///< of the reduction: taps * C / 8
  int pixels;        ///< rows: n * h * w of the map that a block of rows is cut from
  int column_tiles;  ///< of one transposed tap
  int transposed_w;  ///< transposed convolution: taps in a row of its window; 1 otherwise
  Activation activation;
  ResidualPlace residual_place;
};

template <int M, int N, int K, int Stages, int WarpsM, int WarpsN>
struct Tile {
  static constexpr int rows = M, columns = N, depth = K, stages = Stages, warps_m = WarpsM, warps_n = WarpsN;
  static constexpr int threads = 32 * WarpsM * WarpsN;
  static constexpr int warp_rows = M / WarpsM, warp_columns = N / WarpsN;
  static constexpr int row_vectors = K / 8;  ///< 16-byte vectors of a tile's row
  static constexpr int stage_bytes = (M + N) * K * 2;
  static constexpr int staging_columns = N + 4;  ///< padded against bank conflicts
  static constexpr int shared_bytes =
      stage_bytes * Stages > M* staging_columns * 4 ? stage_bytes* Stages : M* staging_columns * 4;
  static_assert(warp_rows % 16 == 0 && warp_columns % 16 == 0 && K % 16 == 0);
};

// ------------------------------------------------------------ kernels

/// Position of a 16-byte vector in a tile: swizzled, so that the eight rows that ldmatrix reads lie in
/// different banks.
template <int row_vectors>
__device__ __forceinline__ int swizzled(int row, int vector) {
  if constexpr (row_vectors >= 8) return row * row_vectors + (vector ^ (row & 7));
  if constexpr (row_vectors == 4) return row * 4 + (vector ^ ((row >> 1) & 3));
  return row * row_vectors + (vector ^ ((row >> 2) & 1));
}

__device__ __forceinline__ void copy_async(std::uint32_t to, const void* from, bool inside) {
  const int bytes = inside ? 16 : 0;  // the rest is filled with zeros
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(bytes));
}
__device__ __forceinline__ void commit() { asm volatile("cp.async.commit_group;\n"); }
template <int pending>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(pending));
}

__device__ __forceinline__ void load_matrices(std::uint32_t (&r)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}

/// Two values, rounded, as matrices have them.
__device__ __forceinline__ std::uint32_t pack(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}

__device__ __forceinline__ void multiply(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                         std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Where a thread stands in the reduction: one 16-byte vector of channels of one tap.
struct ReductionCursor {
  int vector, channel, tap_h, tap_w;

  __device__ void advance(int vectors, const Arguments& a) {
    vector += vectors;
    channel += 8 * vectors;
    while (channel >= a.x.c) {
      channel -= a.x.c;
      if (++tap_w == a.kernel_w) tap_w = 0, ++tap_h;
    }
  }
};

/// Copies tiles of x and of the weights; a thread has one column of vectors and every `row_step`-th row.
template <class T>
class Loader {
 public:
  __device__ Loader(const Arguments& a, const __half* weight, int first_row, int first_column,
                    int first_vector, std::uint32_t shared)
      : a_(a), shared_(shared), column_(threadIdx.x % T::row_vectors), row_(threadIdx.x / T::row_vectors) {
    cursor_ = {0, 0, 0, 0};
    cursor_.advance(first_vector + column_, a);
#pragma unroll
    for (int i = 0; i < x_rows; ++i) {
      const int pixel = first_row + row_ + i * row_step;
      const auto [n, oh, ow] = pixel_index(pixel, a.y);
      const bool inside = pixel < a.pixels && row_ + i * row_step < T::rows;
      h_[i] = inside ? oh * a.stride_h - a.pad_top : -(1 << 20);
      w_[i] = ow * a.stride_w - a.pad_left;
      base_[i] = static_cast<int>(n * a.x.sn) + h_[i] * a.x.sh + w_[i] * a.x.sw;
    }
    weight_ = weight + std::int64_t{first_column + row_} * a.vectors * 8;
    columns_left_ = a.y.c - first_column - row_;
  }

  __device__ void load(int stage) {
    const std::uint32_t x_tile = shared_ + stage * T::stage_bytes, w_tile = x_tile + T::rows * T::depth * 2;
    const bool within = cursor_.vector < a_.vectors;
    const int dh = cursor_.tap_h * a_.dilation_h, dw = cursor_.tap_w * a_.dilation_w;
    const int tap = dh * a_.x.sh + dw * a_.x.sw + cursor_.channel;
#pragma unroll
    for (int i = 0; i < x_rows; ++i) {
      const int row = row_ + i * row_step;
      if (T::rows % row_step != 0 && row >= T::rows) break;
      const bool inside = within && static_cast<unsigned>(h_[i] + dh) < static_cast<unsigned>(a_.x.h) &&
                          static_cast<unsigned>(w_[i] + dw) < static_cast<unsigned>(a_.x.w);
      copy_async(x_tile + 16 * swizzled<T::row_vectors>(row, column_),
                 a_.x.data + (inside ? base_[i] + tap : 0), inside);
    }
#pragma unroll
    for (int i = 0; i < w_rows; ++i) {
      const int row = row_ + i * row_step;
      if (T::columns % row_step != 0 && row >= T::columns) break;
      const bool inside = within && i * row_step < columns_left_;
      const __half* from = weight_ + std::int64_t{i} * row_step * a_.vectors * 8 + cursor_.vector * 8;
      copy_async(w_tile + 16 * swizzled<T::row_vectors>(row, column_), inside ? from : a_.weight, inside);
    }
    cursor_.advance(T::row_vectors, a_);
  }

 private:
  static constexpr int row_step = T::threads / T::row_vectors;
  static constexpr int x_rows = (T::rows + row_step - 1) / row_step,
                       w_rows = (T::columns + row_step - 1) / row_step;
  const Arguments& a_;
  std::uint32_t shared_;
  int column_, row_;
  ReductionCursor cursor_;
  int h_[x_rows], w_[x_rows], base_[x_rows];
  const __half* weight_;
  int columns_left_;
};

/// Sums of a warp's part of the tile.
template <class T>
struct Sums {
  static constexpr int m = T::warp_rows / 16, n = T::warp_columns / 8;
  float value[m][n][4] = {};

  __device__ void add_stage(std::uint32_t x_tile) {
    const std::uint32_t w_tile = x_tile + T::rows * T::depth * 2;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int row0 = warp / T::warps_n * T::warp_rows, column0 = warp % T::warps_n * T::warp_columns;
#pragma unroll
    for (int k = 0; k < T::depth / 16; ++k) {
      std::uint32_t a[m][4], b[n / 2][4];
#pragma unroll
      for (int i = 0; i < m; ++i)
        load_matrices(a[i],
                      x_tile + 16 * swizzled<T::row_vectors>(row0 + 16 * i + lane % 16, 2 * k + lane / 16));
#pragma unroll
      for (int j = 0; j < n / 2; ++j)
        load_matrices(b[j],
                      w_tile + 16 * swizzled<T::row_vectors>(column0 + 16 * j + lane % 8 + lane / 16 * 8,
                                                             2 * k + lane / 8 % 2));
#pragma unroll
      for (int i = 0; i < m; ++i)
#pragma unroll
        for (int j = 0; j < n; ++j) multiply(value[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
  }

  __device__ void stage(float* staging) const {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int row0 = warp / T::warps_n * T::warp_rows + lane / 4,
              column0 = warp % T::warps_n * T::warp_columns + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < m; ++i)
#pragma unroll
      for (int j = 0; j < n; ++j) {
        float* at = staging + (row0 + 16 * i) * T::staging_columns + column0 + 8 * j;
        *reinterpret_cast<float2*>(at) = make_float2(value[i][j][0], value[i][j][1]);
        *reinterpret_cast<float2*>(at + 8 * T::staging_columns) = make_float2(value[i][j][2], value[i][j][3]);
      }
  }
};

/// Adds up the blocks of a cluster, then bias, activation, residual; writes vectors of 8 channels.
template <class T, int split>
__device__ void write_tile(const Arguments& a, float* staging, int rank, int first_row, int first_column,
                           const Map<__half>& y) {
  constexpr int row_items = T::columns / 8, rows = T::rows / split;
  for (int item = threadIdx.x; item < rows * row_items; item += T::threads) {
    const int row = rank * rows + item / row_items, column = item % row_items * 8;
    const int pixel = first_row + row, channel = first_column + column;
    if (pixel >= a.pixels || channel >= a.y.c) continue;
    float sum[8] = {};
#pragma unroll
    for (int part = 0; part < split; ++part) {
      const float* from = staging + row * T::staging_columns + column;
#if __CUDA_ARCH__ >= 900
      if constexpr (split > 1) from = cooperative_groups::this_cluster().map_shared_rank(from, part);
#endif
      const float4 low = *reinterpret_cast<const float4*>(from),
                   high = *reinterpret_cast<const float4*>(from + 4);
      sum[0] += low.x, sum[1] += low.y, sum[2] += low.z, sum[3] += low.w;
      sum[4] += high.x, sum[5] += high.y, sum[6] += high.z, sum[7] += high.w;
    }
    if (a.bias) {
      float bias[8];
      load<float, 8>(bias, a.bias + channel);
#pragma unroll
      for (int i = 0; i < 8; ++i) sum[i] += bias[i];
    }
    finish(sum, a.residual ? a.residual.pixel_of(pixel, a.y.w) + channel : nullptr, a.activation,
           a.residual_place);
    store<__half, 8>(y.pixel(pixel) + channel, sum);
  }
}

/// y[p, k] = epilogue(sum over taps and c of x[tap of p, c] weight[k, tap, c] + bias[k]): an implicit GEMM
/// by mma.sync m16n8k16, FP16 with FP32 sums.
/// A block has T::rows pixels x T::columns channels, a warp a part of both; the grid is pixel tiles x
/// (channel tiles x transposed taps) x `split`, whose blocks are a cluster and share the reduction.
/// Shared memory: T::stages stages of a tile of x and one of the weights, swizzled for ldmatrix; afterwards
/// the FP32 sums of the tile in the same bytes (Tile::shared_bytes).
/// Barriers: __syncthreads() of a step publishes the stage that cp.async filled and frees the one before;
/// the one after the loop frees the stages for the sums; the next one (cluster.sync() with `split`)
/// publishes the sums, and the last cluster.sync() keeps a block alive while others read its sums.
/// The provider "gemm" launches it for FP16 Conv steps without groups and for ConvTranspose steps of 2x2.
template <class T, int split>
__global__ void __launch_bounds__(T::threads) conv(const __grid_constant__ Arguments a, PdlTrigger trigger) {
  extern __shared__ __align__(128) std::byte shared[];
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int tap = blockIdx.y / a.column_tiles;
  const int first_row = blockIdx.x * T::rows,
            first_column = static_cast<int>(blockIdx.y % a.column_tiles) * T::columns;
  const int all_steps = (a.vectors + T::row_vectors - 1) / T::row_vectors;
  const int rank = split > 1 ? static_cast<int>(blockIdx.z) : 0;
  const int begin = all_steps * rank / split, steps = all_steps * (rank + 1) / split - begin;

  const __half* weight = a.weight + std::int64_t{tap} * a.y.c * a.vectors * 8;
  Loader<T> loader(a, weight, first_row, first_column, begin * T::row_vectors, address);
  grid_dependency_wait(trigger);
  for (int stage = 0; stage < T::stages - 1; ++stage) {
    if (stage < steps) loader.load(stage);
    commit();
  }
  Sums<T> sums;
  for (int step = 0; step < steps; ++step) {
    wait_for_copies<T::stages - 2>();
    __syncthreads();
    const int ahead = step + T::stages - 1;
    if (ahead < steps) loader.load(ahead % T::stages);
    commit();
    sums.add_stage(address + step % T::stages * T::stage_bytes);
  }
  wait_for_copies<0>();
  __syncthreads();  // all warps are done with the tiles: their memory becomes the staging area
  auto* staging = reinterpret_cast<float*>(shared);
  sums.stage(staging);
  Map<__half> y = a.y;
  if (a.transposed_w > 1)
    y.data += std::int64_t{tap / a.transposed_w} * (y.sh / 2) + tap % a.transposed_w * (y.sw / 2);
#if __CUDA_ARCH__ >= 900
  if constexpr (split > 1) cooperative_groups::this_cluster().sync();
#endif
  if constexpr (split == 1) __syncthreads();
  write_tile<T, split>(a, staging, rank, first_row, first_column, y);
#if __CUDA_ARCH__ >= 900
  if constexpr (split > 1)
    cooperative_groups::this_cluster().sync();  // others may still read this block's memory
#endif
}

// ------------------------------------------------------------ launchers

template <class T, int split>
void launch(const Arguments& a, int transposed_taps, const LaunchContext& context) {
  Arguments arguments = a;
  arguments.column_tiles = divide_up(a.y.c, T::columns);
  const auto kernel = conv<T, split>;
  if constexpr (T::shared_bytes > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, T::shared_bytes),
          "cudaFuncSetAttribute");
  const dim3 grid(static_cast<unsigned>(divide_up(a.pixels, T::rows)),
                  static_cast<unsigned>(arguments.column_tiles * transposed_taps), split);
  launch_kernel(LaunchConfig(context, grid, T::threads, T::shared_bytes, split), "gemm_conv", kernel,
                arguments, PdlTrigger{context.pdl_trigger});
}

}  // namespace peregrine::cuda::gemm
