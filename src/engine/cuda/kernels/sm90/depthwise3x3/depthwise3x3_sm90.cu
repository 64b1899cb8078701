// A thread has a vector of channels of one column and goes down the tile: three pixels of a row serve three
// sums.
#include "engine/cuda/kernels/sm90/depthwise3x3/depthwise3x3_sm90.h"

#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/sm90/instructions.cuh"
#include "engine/cuda/kernels/sm90/tensor_map.cuh"

namespace peregrine::cuda::tiles {
namespace {

using namespace device;

constexpr int window = 3, width = 8;  ///< of a vector
constexpr int barrier_bytes = 128;    ///< before the halo, which TMA wants aligned so

struct Depthwise3x3Params {
  CUtensorMap x;
  Map<__half> y;
  Map<const __half> residual;
  const __half* weight;
  const float* bias;
  int channels, columns, tiles_w;  ///< of a block; tiles in a row of an image
  Activation activation;
  ResidualPlace residual_place;
};

int halo_bytes(const DepthwiseTile& tile) { return (tile.rows + 2) * (tile.columns + 2) * tile.channels * 2; }

// ------------------------------------------------------------ kernels

/// y[h, w, c] = epilogue(sum over the 9 taps of x[tap of (h, w), c] weight[tap, c] + bias[c]), stride 1.
/// A block has `rows` x a.columns pixels of a.channels channels, a thread 8 channels of one column, which
/// it goes down with three sums; the grid is (tiles of a row x groups of channels) x tiles of a column x
/// images.
/// Shared memory: one mbarrier in 128 bytes, then the tile of x with its halo, (rows + 2) x (columns + 2) x
/// channels halves.
/// Barriers: __syncthreads() publishes the initialised mbarrier, full_barrier.wait() publishes the tile
/// that TMA wrote.
/// The provider "depthwise3x3_sm90" launches it for Depthwise steps on compute capability 9.0.
template <int rows>
__global__ void __launch_bounds__(most_depthwise_threads, 3)
    depthwise3x3_kernel(const __grid_constant__ Depthwise3x3Params a, PdlTrigger trigger) {
  extern __shared__ __align__(128) std::byte shared[];
  auto& full_barrier = *reinterpret_cast<FullBarrier*>(shared);
  std::byte* const halo = shared + barrier_bytes;
  const int vectors = a.channels / width, vector = threadIdx.x % vectors, column = threadIdx.x / vectors;
  const int first_channel = static_cast<int>(blockIdx.x) / a.tiles_w * a.channels,
            channel = first_channel + vector * width;
  const int w0 = static_cast<int>(blockIdx.x) % a.tiles_w * a.columns,
            h0 = static_cast<int>(blockIdx.y) * rows;
  const int n = static_cast<int>(blockIdx.z);
  if (threadIdx.x == 0) {
    full_barrier.init(1);
    cutlass::arch::fence_barrier_init();
  }
  float weight[window * window][width], bias[width] = {};
#pragma unroll
  for (int k = 0; k < window * window; ++k) load<__half, width>(weight[k], a.weight + k * a.y.c + channel);
  if (a.bias) load<float, width>(bias, a.bias + channel);
  __syncthreads();
  grid_dependency_wait(trigger);
  const int row_bytes = (a.columns + 2) * a.channels * 2;
  if (threadIdx.x == 0) {
    full_barrier.arrive_and_expect_tx((rows + 2) * row_bytes);
    fetch(halo, a.x, full_barrier, first_channel, w0 - 1, h0 - 1, n);
  }
  full_barrier.wait(0);

  float sum[window][width];
#pragma unroll
  for (int ih = 0; ih < rows + 2; ++ih) {
    float line[window][width];
#pragma unroll
    for (int k = 0; k < window; ++k)
      load<__half, width>(line[k], reinterpret_cast<const __half*>(halo + ih * row_bytes) +
                                       (column + k) * a.channels + vector * width);
#pragma unroll
    for (int kh = 0; kh < window; ++kh) {
      const int oh = ih - kh;
      if (oh < 0 || oh >= rows) continue;
      float(&to)[width] = sum[oh % window];
#pragma unroll
      for (int i = 0; i < width; ++i) {
        if (kh == 0) to[i] = bias[i];
#pragma unroll
        for (int k = 0; k < window; ++k) to[i] += line[k][i] * weight[kh * window + k][i];
      }
      if (kh != window - 1 || h0 + oh >= a.y.h || w0 + column >= a.y.w) continue;
      const __half* residual =
          a.residual.data ? a.residual.pixel(n, h0 + oh, w0 + column) + channel : nullptr;
      finish(to, residual, a.activation, a.residual_place);
      store<__half, width>(a.y.pixel(n, h0 + oh, w0 + column) + channel, to);
    }
  }
}

// ------------------------------------------------------------ launchers

}  // namespace

void depthwise3x3_sm90(const Depthwise& step, const DepthwiseTile& tile, const Memory& memory,
                       const LaunchContext& context) {
  Depthwise3x3Params a{};
  a.y = map_of<__half>(step.y, memory), a.residual = map_of<const __half>(step.residual, memory);
  a.weight = pointer_to<const __half>(step.weight, memory),
  a.bias = pointer_to<const float>(step.bias, memory);
  a.channels = tile.channels, a.columns = tile.columns;
  a.tiles_w = divide_up(a.y.w, tile.columns);
  a.activation = step.activation, a.residual_place = step.residual_place;
  const Extents x = extents_of(step.x);
  a.x = tensor_map(pointer_to<const __half>(step.x, memory), x, {x.image, x.row, x.pixel},
                   {tile.channels, tile.columns + 2, tile.rows + 2, 1}, CU_TENSOR_MAP_SWIZZLE_NONE);
  const auto kernel = tile.rows == 8 ? depthwise3x3_kernel<8> : depthwise3x3_kernel<4>;
  const dim3 grid(static_cast<unsigned>(a.tiles_w * (a.y.c / tile.channels)),
                  static_cast<unsigned>(divide_up(a.y.h, tile.rows)), static_cast<unsigned>(a.y.n));
  const int threads = tile.channels / width * tile.columns;
  launch_pdl_kernel(context, "depthwise3x3_sm90", kernel, grid, threads,
                    static_cast<std::size_t>(barrier_bytes + halo_bytes(tile)), a);
}

}  // namespace peregrine::cuda::tiles
