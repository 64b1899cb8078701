// A thread has a vector of channels of one column and goes down the tile: three pixels of a row serve three sums.
#include "engine/cuda/hopper/depthwise_ring.h"

#include "engine/cuda/hopper/instructions.cuh"
#include "engine/cuda/hopper/tensor_map.cuh"
#include "engine/cuda/kernels/device.cuh"

namespace peregrine::cuda::tiles {
namespace {

using namespace device;

constexpr int window = 3, width = 8;  ///< of a vector
constexpr int barrier_bytes = 128;    ///< before the ring, which TMA wants aligned so

struct RingArguments {
  CUtensorMap x;
  Map<__half> y;
  Map<const __half> residual;
  const __half* weight;
  const float* bias;
  int channels, columns, tiles_w;  ///< of a block; tiles in a row of a picture
  Activation activation;
  ResidualPlace residual_place;
};

int ring_bytes(const DepthwiseTile& tile) { return (tile.rows + 2) * (tile.columns + 2) * tile.channels * 2; }

template <int rows>
__global__ void __launch_bounds__(most_depthwise_threads, 3)
    ring_kernel(const __grid_constant__ RingArguments a, Successor next) {
  extern __shared__ __align__(128) std::byte shared[];
  auto& filled = *reinterpret_cast<Filled*>(shared);
  std::byte* const ring = shared + barrier_bytes;
  const int vectors = a.channels / width, vector = threadIdx.x % vectors, column = threadIdx.x / vectors;
  const int first_channel = static_cast<int>(blockIdx.x) / a.tiles_w * a.channels, channel = first_channel + vector * width;
  const int w0 = static_cast<int>(blockIdx.x) % a.tiles_w * a.columns, h0 = static_cast<int>(blockIdx.y) * rows;
  const int n = static_cast<int>(blockIdx.z);
  if (threadIdx.x == 0) {
    filled.init(1);
    cutlass::arch::fence_barrier_init();
  }
  float weight[window * window][width], bias[width] = {};
#pragma unroll
  for (int k = 0; k < window * window; ++k) load<__half, width>(weight[k], a.weight + k * a.y.c + channel);
  if (a.bias) load<float, width>(bias, a.bias + channel);
  __syncthreads();
  wait_for_predecessor(next);
  const int row_bytes = (a.columns + 2) * a.channels * 2;
  if (threadIdx.x == 0) {
    filled.arrive_and_expect_tx((rows + 2) * row_bytes);
    fetch(ring, a.x, filled, first_channel, w0 - 1, h0 - 1, n);
  }
  filled.wait(0);

  float sum[window][width];
#pragma unroll
  for (int ih = 0; ih < rows + 2; ++ih) {
    float line[window][width];
#pragma unroll
    for (int k = 0; k < window; ++k)
      load<__half, width>(line[k],
                          reinterpret_cast<const __half*>(ring + ih * row_bytes) + (column + k) * a.channels + vector * width);
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
      const __half* residual = a.residual.data ? a.residual.pixel(n, h0 + oh, w0 + column) + channel : nullptr;
      finish(to, residual, a.activation, a.residual_place);
      store<__half, width>(a.y.pixel(n, h0 + oh, w0 + column) + channel, to);
    }
  }
}

}  // namespace

void depthwise_ring(const Depthwise& step, const DepthwiseTile& tile, const Memory& memory, const Queue& queue) {
  RingArguments a{};
  a.y = map_of<__half>(step.y, memory), a.residual = map_of<const __half>(step.residual, memory);
  a.weight = pointer_to<const __half>(step.weight, memory), a.bias = pointer_to<const float>(step.bias, memory);
  a.channels = tile.channels, a.columns = tile.columns;
  a.tiles_w = divide_up(a.y.w, tile.columns);
  a.activation = step.activation, a.residual_place = step.residual_place;
  const Extents x = extents_of(step.x);
  a.x = tensor_map(pointer_to<const __half>(step.x, memory), x, {x.picture, x.row, x.pixel},
                   {tile.channels, tile.columns + 2, tile.rows + 2, 1}, CU_TENSOR_MAP_SWIZZLE_NONE);
  const auto kernel = tile.rows == 8 ? ring_kernel<8> : ring_kernel<4>;
  const dim3 grid(static_cast<unsigned>(a.tiles_w * (a.y.c / tile.channels)), static_cast<unsigned>(divide_up(a.y.h, tile.rows)),
                  static_cast<unsigned>(a.y.n));
  const int threads = tile.channels / width * tile.columns;
  launch_on(queue, "depthwise_ring", kernel, grid, threads, static_cast<std::size_t>(barrier_bytes + ring_bytes(tile)), a);
}

}  // namespace peregrine::cuda::tiles
