// Convolution without tensor cores, for every shape, group count, dilation and dtype: the FP32 engine, and
// the reference that other convolutions are compared with. An implicit GEMM over tiles in shared memory: rows
// are output pixels, columns output channels, the reduction runs over kh, kw, C/groups as the weights are
// stored.
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/pixel_index.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/kernels/single_tactic.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int tile_pixels = 64, tile_channels = 64, tile_depth = 16, threads = 256, per_thread = 4;

template <class T>
struct Arguments {
  Map<const T> x;
  Residual<T> residual;
  Map<T> y;
  const T* weight;
  const float* bias;
  int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int group_in, group_out;  ///< channels of a group
  int depth;                ///< kernel_h * kernel_w * group_in
  Activation activation;
  ResidualPlace residual_place;
};

// ------------------------------------------------------------ kernels

template <class T>
__device__ float input_at(const Arguments<T>& a, int pixel, int pixels, int k, int group) {
  if (pixel >= pixels || k >= a.depth) return 0;
  const int channel = k % a.group_in, tap = k / a.group_in;
  const auto [n, oh, ow] = pixel_index(pixel, a.y);
  const int ih = oh * a.stride_h - a.pad_top + tap / a.kernel_w * a.dilation_h;
  const int iw = ow * a.stride_w - a.pad_left + tap % a.kernel_w * a.dilation_w;
  if (ih < 0 || ih >= a.x.h || iw < 0 || iw >= a.x.w) return 0;
  return to_f32(a.x.pixel(n, ih, iw)[group * a.group_in + channel]);
}

/// y[p, k] = epilogue(sum over taps and c of x[tap of p, c] weight[k, tap, c] + bias[k]) without tensor
/// cores, for every shape, group count, dilation and dtype.
/// A block has 64 pixels x 64 channels of one group, a thread 4 x 4 of them; the grid is pixel tiles x
/// channel tiles x groups.
/// Shared memory: 16 steps of the reduction of both operands in FP32, 16 x 65 floats each.
/// Barriers: the first __syncthreads() publishes a tile of both operands, the second one keeps the next
/// tile from overwriting it while it is read.
/// The provider "direct" launches it for Conv steps: the FP32 engine's kernel, and the reference of all
/// other convolutions.
template <class T>
__global__ void __launch_bounds__(threads) direct_conv(Arguments<T> a, PdlTrigger trigger) {
  __shared__ float input[tile_depth][tile_pixels + 1], weight[tile_depth][tile_channels + 1];
  const int group = blockIdx.z, first_pixel = blockIdx.x * tile_pixels,
            first_channel = blockIdx.y * tile_channels;
  const int pixels = a.y.n * a.y.h * a.y.w;
  const int row = threadIdx.x / 16, column = threadIdx.x % 16;
  grid_dependency_wait(trigger);
  float sum[per_thread][per_thread] = {};
  for (int k0 = 0; k0 < a.depth; k0 += tile_depth) {
    for (int i = threadIdx.x; i < tile_pixels * tile_depth; i += threads) {
      const int k = i % tile_depth, m = i / tile_depth;
      input[k][m] = input_at(a, first_pixel + m, pixels, k0 + k, group);
      const int channel = first_channel + m;
      const bool inside = channel < a.group_out && k0 + k < a.depth;
      weight[k][m] =
          inside ? to_f32(a.weight[(std::int64_t{group} * a.group_out + channel) * a.depth + k0 + k]) : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < tile_depth; ++k)
#pragma unroll
      for (int i = 0; i < per_thread; ++i)
#pragma unroll
        for (int j = 0; j < per_thread; ++j) sum[i][j] += input[k][row + 16 * i] * weight[k][column + 16 * j];
    __syncthreads();
  }
  for (int i = 0; i < per_thread; ++i) {
    const int pixel = first_pixel + row + 16 * i;
    if (pixel >= pixels) continue;
    const auto [n, oh, ow] = pixel_index(pixel, a.y);
    for (int j = 0; j < per_thread; ++j) {
      const int in_group = first_channel + column + 16 * j;
      if (in_group >= a.group_out) continue;
      const int channel = group * a.group_out + in_group;
      float value[1] = {sum[i][j] + (a.bias ? a.bias[channel] : 0.0f)};
      finish(value, a.residual ? a.residual.pixel(n, oh, ow) + channel : nullptr, a.activation,
             a.residual_place);
      a.y.pixel(n, oh, ow)[channel] = from_f32<T>(value[0]);
    }
  }
}

// ------------------------------------------------------------ launchers

template <class T>
void launch(const Conv& conv, const Memory& memory, const LaunchContext& context) {
  const auto extent = [](std::int64_t v) { return static_cast<int>(v); };
  Arguments<T> a{};
  a.x = map_of<const T>(conv.x, memory);
  a.residual = residual_of<T>(conv, memory);
  a.y = map_of<T>(conv.y, memory);
  a.weight = pointer_to<const T>(conv.weight, memory);
  a.bias = pointer_to<const float>(conv.bias, memory);
  a.kernel_h = extent(conv.weight.shape[2]), a.kernel_w = extent(conv.weight.shape[3]);
  a.stride_h = extent(conv.stride[0]), a.stride_w = extent(conv.stride[1]);
  a.dilation_h = extent(conv.dilation[0]), a.dilation_w = extent(conv.dilation[1]);
  a.pad_top = extent(conv.pad[0]), a.pad_left = extent(conv.pad[1]);
  a.group_in = a.x.c / extent(conv.groups), a.group_out = a.y.c / extent(conv.groups);
  a.depth = a.kernel_h * a.kernel_w * a.group_in;
  a.activation = conv.activation, a.residual_place = conv.residual_place;
  const dim3 grid(divide_up(conv.y.shape[0] * conv.y.shape[2] * conv.y.shape[3], tile_pixels),
                  divide_up(a.group_out, tile_channels), static_cast<unsigned>(conv.groups));
  launch_pdl_kernel(context, "direct_conv", direct_conv<T>, grid, threads, 0, a);
}

Launch instantiate(const Step& step, Tactic&, const Target&) {
  return [conv = std::get<Conv>(step.operation)](const Memory& memory, std::byte*,
                                                 const LaunchContext& context) {
    with_type(conv.x.dtype, [&]<class T>() { launch<T>(conv, memory, context); });
  };
}

}  // namespace

const KernelProvider direct_conv_provider{"direct", single_tactic<Conv>, instantiate, PdlMode::secondary};

}  // namespace peregrine::cuda
