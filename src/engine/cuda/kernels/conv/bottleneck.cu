// A bottleneck, two 3x3 convolutions and the sum with what went in, as one kernel. A block keeps both weights
// in shared memory and walks over tiles of the map: the tile of x with two pixels around it comes in, the
// hidden tile with one pixel around it (computed again by the neighbours) goes no further than shared memory,
// y leaves in vectors. Both convolutions are products on tensor cores whose rows are pixels; ldmatrix takes
// each row from wherever its pixel lies.
#include <algorithm>

#include "engine/cuda/kernels/conv/gemm_conv.cuh"
#include "engine/cuda/kernels/providers.h"

namespace peregrine::cuda {
namespace {

using namespace device;
using gemm::commit;
using gemm::copy_async;
using gemm::load_matrices;
using gemm::multiply;
using gemm::wait_for_copies;

struct Arguments {
  Map<const __half> x;
  Map<__half> y;
  const __half *weight1, *weight2;
  const float *bias1, *bias2;
  int hidden;  ///< channels that there are; the kernel's width may be more
  int tiles_h, tiles_w;
  Activation activation;
};

/// C channels in and out, H between (at least the step's), a tile of pixels, warps along pixels and along
/// channels.
template <int C, int H, int Rows, int Columns, int WarpsM, int WarpsN>
struct Tile {
  static constexpr int channels = C, hidden = H, rows = Rows, columns = Columns, warps_m = WarpsM,
                       warps_n = WarpsN;
  static constexpr int threads = 32 * WarpsM * WarpsN;
  static constexpr int x_rows = Rows + 4, x_columns = Columns + 4, hidden_rows = Rows + 2,
                       hidden_columns = Columns + 2;
  // Eight halves of padding: eight pixels or weight rows in a row, which ldmatrix reads at once, lie in
  // different banks.
  static constexpr int x_pixel = 2 * (C + 8), hidden_pixel = 2 * (H + 8), row1 = 2 * (9 * C + 8),
                       row2 = 2 * (9 * H + 8);  // bytes
  static constexpr int weight1 = 0, weight2 = weight1 + H * row1, bias1 = weight2 + C * row2,
                       bias2 = bias1 + 4 * H;
  static constexpr int x = bias2 + 4 * C, hidden_tile = x + x_rows * x_columns * x_pixel;
  static constexpr int shared_bytes = hidden_tile + hidden_rows * hidden_columns * hidden_pixel;
  static_assert(C % (16 * WarpsN) == 0 && H % (16 * WarpsN) == 0 && Columns % 8 == 0 &&
                shared_bytes <= 227 * 1024);

  /// Tiles of 16 pixels that a warp computes at once: as few turns as three allow, evenly filled.
  static constexpr int at_once(int pixels) {
    const int tiles = (pixels + 15) / 16, turns = (tiles + 3 * WarpsM - 1) / (3 * WarpsM);
    return (tiles + turns * WarpsM - 1) / (turns * WarpsM);
  }
};

// ------------------------------------------------------------ kernels

/// Weights [to][3][3][from] to shared rows of `row_bytes`, both widths filled up with zeros.
template <int To, int From, int row_bytes, int threads>
__device__ void load_weights(std::uint32_t shared, const __half* weight, int to, int from) {
  constexpr int vectors = From / 8;
  for (int i = threadIdx.x; i < To * 9 * vectors; i += threads) {
    const int channel = i % vectors * 8, tap = i / vectors % 9, row = i / (9 * vectors);
    const bool inside = row < to && channel < from;
    copy_async(shared + row * row_bytes + 2 * (tap * From + channel),
               weight + (inside ? (row * 9 + tap) * from + channel : 0), inside);
  }
}

template <int threads>
__device__ void load_bias(float* shared, const float* bias, int count, int real) {
  for (int i = threadIdx.x; i < count; i += threads) shared[i] = bias && i < real ? bias[i] : 0.0f;
}

template <class T>
__device__ void load_x(std::uint32_t shared, const Arguments& a, int n, int first_h, int first_w) {
  constexpr int vectors = T::channels / 8;
  for (int i = threadIdx.x; i < T::x_rows * T::x_columns * vectors; i += T::threads) {
    const int channel = i % vectors * 8, pixel = i / vectors;
    const int h = first_h + pixel / T::x_columns, w = first_w + pixel % T::x_columns;
    const bool inside = h >= 0 && h < a.x.h && w >= 0 && w < a.x.w;
    copy_async(shared + pixel * T::x_pixel + 2 * channel, inside ? a.x.pixel(n, h, w) + channel : a.x.data,
               inside);
  }
}

/// Adds a 3x3 window over `From` channels for `m` times 16 pixels and 8 `n` channels. `rows`: where this
/// lane's pixels have the first tap; `weight`: this lane's row of the first 16 channels.
template <int From, int pixel_bytes, int line_bytes, int row_bytes, int m, int n>
__device__ void add_window(float (&sum)[m][n][4], const std::uint32_t (&rows)[m], std::uint32_t weight) {
#pragma unroll 1
  for (int tap_h = 0; tap_h < 3; ++tap_h)
#pragma unroll
    for (int tap_w = 0; tap_w < 3; ++tap_w)
#pragma unroll
      for (int k = 0; k < From; k += 16) {
        std::uint32_t a[m][4], b[n / 2][4];
#pragma unroll
        for (int i = 0; i < m; ++i)
          load_matrices(a[i], rows[i] + tap_h * line_bytes + tap_w * pixel_bytes + 2 * k);
#pragma unroll
        for (int j = 0; j < n / 2; ++j)
          load_matrices(b[j], weight + 16 * j * row_bytes + 2 * ((tap_h * 3 + tap_w) * From + k));
#pragma unroll
        for (int i = 0; i < m; ++i)
#pragma unroll
          for (int j = 0; j < n; ++j) multiply(sum[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
      }
}

/// One of the two convolutions of a tile: `pixels` output pixels in lines of `columns`, read from a tile in
/// shared memory. finish(pixel, channel, two sums) takes what a thread has of a pixel.
template <class T, int From, int To, int pixels, int columns, int pixel_bytes, int line_bytes, int row_bytes,
          class F>
__device__ void convolve(std::uint32_t from, std::uint32_t weight, F&& finish) {
  constexpr int m = T::at_once(pixels), n = To / T::warps_n / 8;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, first_channel = warp % T::warps_n * n * 8;
  weight += (first_channel + lane % 8 + lane / 16 * 8) * row_bytes + lane / 8 % 2 * 16;
  for (int first = warp / T::warps_n * m * 16; first < pixels; first += T::warps_m * m * 16) {
    std::uint32_t rows[m];
#pragma unroll
    for (int i = 0; i < m; ++i) {
      const int pixel = min(first + 16 * i + lane % 16, pixels - 1);
      rows[i] = from + pixel / columns * line_bytes + pixel % columns * pixel_bytes + lane / 16 * 16;
    }
    float sum[m][n][4] = {};
    add_window<From, pixel_bytes, line_bytes, row_bytes>(sum, rows, weight);
#pragma unroll
    for (int i = 0; i < m; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int pixel = first + 16 * i + lane / 4 + 8 * half;
        if (pixel >= pixels) continue;
#pragma unroll
        for (int j = 0; j < n; ++j) {
          float two[2] = {sum[i][j][2 * half], sum[i][j][2 * half + 1]};
          finish(pixel, first_channel + 8 * j + lane % 4 * 2, two);
        }
      }
  }
}

template <class T>
__device__ void write_y(const std::byte* shared, const Arguments& a, int n, int first_h, int first_w) {
  constexpr int vectors = T::channels / 8;
  for (int i = threadIdx.x; i < T::rows * T::columns * vectors; i += T::threads) {
    const int channel = i % vectors * 8, row = i / vectors / T::columns, column = i / vectors % T::columns;
    const int h = first_h + row, w = first_w + column;
    if (h >= a.y.h || w >= a.y.w) continue;
    const auto* from = shared + T::x + ((row + 2) * T::x_columns + column + 2) * T::x_pixel + 2 * channel;
    *reinterpret_cast<uint4*>(a.y.pixel(n, h, w) + channel) = *reinterpret_cast<const uint4*>(from);
  }
}

template <class T>
__device__ void run_tile(std::byte* shared, std::uint32_t address, const Arguments& a, int n, int h0,
                         int w0) {
  load_x<T>(address + T::x, a, n, h0 - 2, w0 - 2);
  commit();
  wait_for_copies<0>();
  __syncthreads();
  const auto* bias1 = reinterpret_cast<const float*>(shared + T::bias1);
  convolve<T, T::channels, T::hidden, T::hidden_rows * T::hidden_columns, T::hidden_columns, T::x_pixel,
           T::x_columns * T::x_pixel, T::row1>(
      address + T::x, address + T::weight1, [&](int pixel, int channel, float(&two)[2]) {
        two[0] += bias1[channel], two[1] += bias1[channel + 1];
        activate(two, a.activation);
        // Outside of the map the second convolution sees padding.
        const int h = h0 - 1 + pixel / T::hidden_columns, w = w0 - 1 + pixel % T::hidden_columns;
        const bool inside = h >= 0 && h < a.x.h && w >= 0 && w < a.x.w;
        *reinterpret_cast<__half2*>(shared + T::hidden_tile + pixel * T::hidden_pixel + 2 * channel) =
            inside ? __floats2half2_rn(two[0], two[1]) : __half2{};
      });
  __syncthreads();
  const auto* bias2 = reinterpret_cast<const float*>(shared + T::bias2);
  convolve<T, T::hidden, T::channels, T::rows * T::columns, T::columns, T::hidden_pixel,
           T::hidden_columns * T::hidden_pixel, T::row2>(
      address + T::hidden_tile, address + T::weight2, [&](int pixel, int channel, float(&two)[2]) {
        two[0] += bias2[channel], two[1] += bias2[channel + 1];
        activate(two, a.activation);
        // x at this pixel is read by this thread alone by now: the sum takes its place, on the way to
        // vectors.
        auto* at = reinterpret_cast<__half2*>(
            shared + T::x + ((pixel / T::columns + 2) * T::x_columns + pixel % T::columns + 2) * T::x_pixel +
            2 * channel);
        const float2 residual = __half22float2(*at);
        *at = __floats2half2_rn(two[0] + residual.x, two[1] + residual.y);
      });
  __syncthreads();
  write_y<T>(shared, a, n, h0, w0);
  __syncthreads();  // before the next tile comes in
}

/// y = x + activation(conv3x3(activation(conv3x3(x, weight1) + bias1), weight2) + bias2).
/// Persistent blocks take tiles of Rows x Columns pixels in turn; WarpsM warps share the pixels, WarpsN the
/// channels, by mma.sync m16n8k16.
/// Shared memory, in order: both weights, both biases, the tile of x with two pixels around it, the hidden
/// tile with one pixel around it (Tile::shared_bytes).
/// Barriers in run_tile(): the 1st __syncthreads() publishes x and the weights, the 2nd the hidden tile,
/// the 3rd y in x's place, the 4th keeps the next tile of x from overwriting y before it is written out.
/// The provider "bottleneck" launches it for Bottleneck steps on compute capability 9.0 and later; it
/// starts in stream order.
template <class T>
__global__ void __launch_bounds__(T::threads) bottleneck(const __grid_constant__ Arguments a) {
  extern __shared__ __align__(128) std::byte shared[];
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  load_weights<T::hidden, T::channels, T::row1, T::threads>(address + T::weight1, a.weight1, a.hidden,
                                                            T::channels);
  load_weights<T::channels, T::hidden, T::row2, T::threads>(address + T::weight2, a.weight2, T::channels,
                                                            a.hidden);
  load_bias<T::threads>(reinterpret_cast<float*>(shared + T::bias1), a.bias1, T::hidden, a.hidden);
  load_bias<T::threads>(reinterpret_cast<float*>(shared + T::bias2), a.bias2, T::channels, T::channels);
  const int tiles = a.x.n * a.tiles_h * a.tiles_w;
  for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x)
    run_tile<T>(shared, address, a, tile / (a.tiles_h * a.tiles_w), tile / a.tiles_w % a.tiles_h * T::rows,
                tile % a.tiles_w * T::columns);
}

// ------------------------------------------------------------ launchers

struct KernelInstance {
  int channels, hidden, rows, columns;
  int (*blocks_at_once)();  ///< on one multiprocessor
  void (*launch)(const Arguments&, int blocks, cudaStream_t);
};

template <class T>
int blocks_at_once() {
  check(cudaFuncSetAttribute(bottleneck<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, T::shared_bytes),
        "cudaFuncSetAttribute");
  int blocks = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, bottleneck<T>, T::threads, T::shared_bytes),
        "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  return blocks;
}

template <class T>
void launch(const Arguments& a, int blocks, cudaStream_t stream) {
  bottleneck<T><<<static_cast<unsigned>(blocks), T::threads, T::shared_bytes, stream>>>(a);
  check_launch("bottleneck");
}

template <class T>
constexpr KernelInstance instance_of() {
  return {T::channels, T::hidden, T::rows, T::columns, blocks_at_once<T>, launch<T>};
}

/// The position in this list is the tactic's parameter: append, never reorder, or bump the plan's format.
constexpr KernelInstance instances[] = {
    instance_of<Tile<16, 16, 16, 16, 8, 1>>(), instance_of<Tile<16, 16, 8, 32, 8, 1>>(),
    instance_of<Tile<16, 16, 8, 16, 4, 1>>(),  instance_of<Tile<16, 16, 8, 8, 4, 1>>(),
    instance_of<Tile<32, 16, 16, 16, 8, 1>>(), instance_of<Tile<32, 16, 8, 32, 8, 1>>(),
    instance_of<Tile<32, 16, 8, 16, 4, 1>>(),  instance_of<Tile<32, 16, 8, 8, 4, 1>>(),
    instance_of<Tile<32, 32, 16, 16, 8, 1>>(), instance_of<Tile<32, 32, 8, 32, 8, 1>>(),
    instance_of<Tile<32, 32, 8, 16, 4, 1>>(),  instance_of<Tile<32, 32, 8, 8, 4, 2>>(),
    instance_of<Tile<32, 32, 4, 8, 2, 2>>(),   instance_of<Tile<64, 32, 16, 16, 8, 1>>(),
    instance_of<Tile<64, 32, 8, 16, 4, 2>>(),  instance_of<Tile<64, 32, 8, 8, 4, 2>>(),
    instance_of<Tile<64, 32, 4, 8, 2, 2>>(),   instance_of<Tile<64, 64, 8, 16, 4, 2>>(),
    instance_of<Tile<64, 64, 8, 8, 4, 2>>(),   instance_of<Tile<64, 64, 4, 8, 2, 4>>(),
};

bool serves_map(const TensorRef& map) {
  return map.dtype == DType::f16 && in_vectors_of(map, 8) &&
         map.shape[0] * map.strides[0] + map.offset < (std::int64_t{1} << 31);
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  const auto* s = std::get_if<Bottleneck>(&step.operation);
  if (!s || target.device.major < 9 || !serves_map(s->x) || !serves_map(s->y)) return {};
  const std::int64_t hidden = s->weight1.shape[0];
  std::vector<Tactic> tactics;
  for (std::size_t i = 0; i < std::size(instances); ++i)
    if (instances[i].channels == s->x.shape[1] && instances[i].hidden == std::max<std::int64_t>(hidden, 16) &&
        hidden % 8 == 0)
      tactics.push_back(make_tactic({static_cast<std::int64_t>(i)}));
  return tactics;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target& target) {
  const auto index = static_cast<std::size_t>(tactic.parameters.at(0));
  if (index >= std::size(instances)) throw Error("engine.kernel", "There is no such bottleneck kernel.");
  const KernelInstance& chosen = instances[index];
  const int room = chosen.blocks_at_once() * target.device.multiprocessors;
  return [&chosen, room, s = std::get<Bottleneck>(step.operation)](const Memory& memory, std::byte*,
                                                                   cudaStream_t stream) {
    Arguments a{map_of<const __half>(s.x, memory),           map_of<__half>(s.y, memory),
                pointer_to<const __half>(s.weight1, memory), pointer_to<const __half>(s.weight2, memory),
                pointer_to<const float>(s.bias1, memory),    pointer_to<const float>(s.bias2, memory),
                static_cast<int>(s.weight1.shape[0]),        divide_up(s.x.shape[2], chosen.rows),
                divide_up(s.x.shape[3], chosen.columns),     s.activation};
    chosen.launch(a, std::min(room, a.x.n * a.tiles_h * a.tiles_w), stream);
  };
}

}  // namespace

const KernelProvider bottleneck_provider{"bottleneck", enumerate_tactics, instantiate};

}  // namespace peregrine::cuda
