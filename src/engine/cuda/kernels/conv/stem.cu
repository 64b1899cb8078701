// The first convolution: an image of 4 stored channels, square window, stride 2. Too few channels for the
// general kernels; here a block keeps a patch of the image in shared memory and feeds tensor cores from it, 4
// taps a step. Bound by what it must write: channels leave in vectors, because a thread's columns are
// permuted to be neighbouring channels.
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int warps = 4, threads = 32 * warps;
constexpr int tile_rows = warps, tile_columns = 64,
              row_tiles = tile_columns / 16;  ///< a warp has one row of pixels

struct Arguments {
  Map<const __half> x;
  Map<__half> y;
  const __half* weight;  ///< [K][window][window][4]
  const float* bias;
  int pad_top, pad_left;
  Activation activation;
};

// ------------------------------------------------------------ kernels

__device__ void multiply(float (&c)[4], const std::uint32_t (&a)[4], uint2 b) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
}

template <int window, int column_tiles>
struct Stem {
  static constexpr int taps = window * window, steps = (4 * taps + 15) / 16;
  static constexpr int patch_rows = 2 * (tile_rows - 1) + window,
                       patch_columns = 2 * (tile_columns - 1) + window;
  static constexpr int own_channels = 2 * column_tiles;  ///< of one thread
  /// Channels side by side of one thread: the four threads of a pixel write them next to each other, sectors
  /// are full.
  static constexpr int vector = column_tiles % 4 == 0 ? 8 : 4;

  uint2 weight[steps][column_tiles][32];  ///< in the order in which a warp reads them
  uint2 patch[patch_rows][patch_columns];

  /// Column `column` of column tile `tile` computes this channel.
  static __device__ int channel_of(int tile, int column) {
    constexpr int tiles = vector / 2;
    return (tile / tiles * 4 + column / 2) * vector + tile % tiles * 2 + column % 2;
  }

  __device__ void load_weights(const Arguments& a) {
    for (int i = threadIdx.x; i < steps * column_tiles * 32; i += threads) {
      const int lane = i % 32, tile = i / 32 % column_tiles, step = i / 32 / column_tiles;
      const __half* row = a.weight + channel_of(tile, lane / 4) * 4 * taps;
      const auto pair = [&](int k) {
        return k < 4 * taps ? *reinterpret_cast<const std::uint32_t*>(row + k) : 0u;
      };
      const int k = 16 * step + lane % 4 * 2;
      weight[step][tile][lane] = make_uint2(pair(k), pair(k + 8));
    }
  }

  __device__ void load_patch(const Arguments& a, int n, int first_h, int first_w) {
    for (int i = threadIdx.x; i < patch_rows * patch_columns; i += threads) {
      const int row = i / patch_columns, column = i % patch_columns, h = first_h + row, w = first_w + column;
      const bool inside = h >= 0 && h < a.x.h && w >= 0 && w < a.x.w;
      patch[row][column] = inside ? *reinterpret_cast<const uint2*>(a.x.pixel(n, h, w)) : make_uint2(0, 0);
    }
  }

  /// Two channels of tap `tap` for the output pixel `column` of this warp's row; taps past the window meet
  /// zero weights.
  __device__ std::uint32_t pair_at(int row, int column, int tap, int half) const {
    const int clamped = tap < taps ? tap : taps - 1;
    const uint2* at = &patch[2 * row + clamped / window][2 * column + clamped % window];
    return reinterpret_cast<const std::uint32_t*>(at)[half];
  }
};

/// y[p, k] = activation(sum over taps and 4 channels of x[tap of p, c] weight[k, tap, c] + bias[k]), square
/// window, stride 2.
/// A block has 4 rows x 64 columns of y, a warp one row; a step of mma.sync m16n8k16 takes 4 taps; a
/// thread's columns are neighbouring channels.
/// Shared memory: the weights in the order in which a warp reads them, then the patch of x behind the tile,
/// 8 bytes a pixel (Stem).
/// Barriers: __syncthreads() publishes weights and patch to all warps; the weights, which no kernel writes,
/// are read before grid_dependency_wait().
/// The provider "stem" launches it for a network's first Conv step, of 4 stored channels (YOLO: window 3,
/// OSNet: 7).
template <int window, int column_tiles>
__global__ void __launch_bounds__(threads) stem(const __grid_constant__ Arguments a, PdlTrigger trigger) {
  using Shared = Stem<window, column_tiles>;
  extern __shared__ __align__(16) std::byte memory[];
  Shared& shared = *reinterpret_cast<Shared*>(memory);
  const int ow0 = blockIdx.x * tile_columns, oh0 = blockIdx.y * tile_rows, n = blockIdx.z;
  shared.load_weights(a);
  grid_dependency_wait(trigger);
  shared.load_patch(a, n, 2 * oh0 - a.pad_top, 2 * ow0 - a.pad_left);
  __syncthreads();
  const int row = threadIdx.x / 32, lane = threadIdx.x % 32, group = lane / 4, quad = lane % 4;
  if (oh0 + row >= a.y.h) return;
  constexpr int V = Shared::vector;
  float bias[Shared::own_channels] = {};
  if (a.bias) {
#pragma unroll
    for (int i = 0; i < Shared::own_channels; ++i) bias[i] = a.bias[(i / V * 4 + quad) * V + i % V];
  }
  for (int tile = 0; tile < row_tiles; ++tile) {
    const int column = 16 * tile + group;
    float sum[column_tiles][4] = {};
#pragma unroll
    for (int step = 0; step < Shared::steps; ++step) {
      const int tap = 4 * step + quad / 2;
      const std::uint32_t pixels[4] = {
          shared.pair_at(row, column, tap, quad % 2), shared.pair_at(row, column + 8, tap, quad % 2),
          shared.pair_at(row, column, tap + 2, quad % 2), shared.pair_at(row, column + 8, tap + 2, quad % 2)};
#pragma unroll
      for (int j = 0; j < column_tiles; ++j) multiply(sum[j], pixels, shared.weight[step][j][lane]);
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int ow = ow0 + column + 8 * half;
      if (ow >= a.y.w) continue;
      __half* y = a.y.pixel(n, oh0 + row, ow) + quad * V;
#pragma unroll
      for (int first = 0; first < Shared::own_channels; first += V) {
        float values[V];
#pragma unroll
        for (int i = 0; i < V; ++i)
          values[i] = sum[(first + i) / 2][2 * half + (first + i) % 2] + bias[first + i];
        activate(values, a.activation);
        store<__half, V>(y + 4 * first, values);
      }
    }
  }
}

// ------------------------------------------------------------ launchers

template <int window, int column_tiles>
void launch(const Arguments& a, const LaunchContext& context) {
  constexpr int bytes = sizeof(Stem<window, column_tiles>);
  if constexpr (bytes > 48 * 1024)
    check(
        cudaFuncSetAttribute(stem<window, column_tiles>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
        "cudaFuncSetAttribute");
  const dim3 grid(static_cast<unsigned>(divide_up(a.y.w, tile_columns)),
                  static_cast<unsigned>(divide_up(a.y.h, tile_rows)), static_cast<unsigned>(a.y.n));
  launch_pdl_kernel(context, "stem", stem<window, column_tiles>, grid, threads, bytes, a);
}

struct KernelInstance {
  std::int64_t window, channels;
  void (*launch)(const Arguments&, const LaunchContext&);
};

/// YOLO's widths with a window of 3, OSNet's with 7.
constexpr KernelInstance instances[] = {{3, 16, launch<3, 2>}, {3, 32, launch<3, 4>},  {3, 48, launch<3, 6>},
                                        {3, 64, launch<3, 8>}, {3, 80, launch<3, 10>}, {3, 96, launch<3, 12>},
                                        {7, 16, launch<7, 2>}, {7, 32, launch<7, 4>},  {7, 48, launch<7, 6>},
                                        {7, 64, launch<7, 8>}};

std::vector<Tactic> enumerate_tactics(const Step& step, const Target&) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (!conv || conv->x.dtype != DType::f16 || conv->x.shape[1] != 4 || conv->groups != 1 || conv->residual)
    return {};
  if (conv->stride != Pair{2, 2} || conv->dilation != Pair{1, 1} ||
      conv->weight.shape[2] != conv->weight.shape[3])
    return {};
  if (!in_vectors_of(conv->x, 4) || !in_vectors_of(conv->y, 8)) return {};
  for (std::size_t i = 0; i < std::size(instances); ++i)
    if (instances[i].window == conv->weight.shape[2] && instances[i].channels == conv->y.shape[1])
      return {make_tactic({static_cast<std::int64_t>(i)})};
  return {};
}

Launch instantiate(const Step& step, Tactic& tactic, const Target&) {
  const auto index = static_cast<std::size_t>(tactic.parameters.at(0));
  if (index >= std::size(instances)) throw Error("engine.kernel", "There is no such stem kernel.");
  return [index, conv = std::get<Conv>(step.operation)](const Memory& memory, std::byte*,
                                                        const LaunchContext& context) {
    const Arguments a{map_of<const __half>(conv.x, memory),
                      map_of<__half>(conv.y, memory),
                      pointer_to<const __half>(conv.weight, memory),
                      pointer_to<const float>(conv.bias, memory),
                      static_cast<int>(conv.pad[0]),
                      static_cast<int>(conv.pad[1]),
                      conv.activation};
    instances[index].launch(a, context);
  };
}

}  // namespace

const KernelProvider stem_provider{"stem", enumerate_tactics, instantiate, PdlMode::secondary};

}  // namespace peregrine::cuda
