// Depthwise convolution. A thread computes `rows` x `columns` output pixels of one vector of channels from
// the top down, so that neighbouring windows share their loads; weights stay in registers, and so do the sums
// of the rows that are not yet complete.
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"

namespace peregrine::cuda {
namespace {

using namespace device;

template <class T>
struct Arguments {
  Map<const T> x, residual;
  Map<T> y;
  const T* weight;
  const float* bias;
  int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  Activation activation;
  ResidualPlace residual_place;
};

constexpr int threads = 128;

// ------------------------------------------------------------ kernels

template <class T, int V>
__device__ void write(const Arguments<T>& a, int n, int oh, int ow, int channel, float (&sum)[V]) {
  finish(sum, a.residual.data ? a.residual.pixel(n, oh, ow) + channel : nullptr, a.activation,
         a.residual_place);
  store<T, V>(a.y.pixel(n, oh, ow) + channel, sum);
}

template <class T, int V>
__device__ void start(const Arguments<T>& a, int channel, float (&sum)[V]) {
#pragma unroll
  for (int i = 0; i < V; ++i) sum[i] = a.bias ? a.bias[channel + i] : 0.0f;
}

/// y[h, w, c] = epilogue(sum over taps of x[tap of (h, w), c] weight[tap, c] + bias[c]), for any window,
/// stride and dilation.
/// A thread has V neighbouring channels of one pixel of y; a block has 128 threads.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "depthwise" launches it where its tiled kernel does not serve: the reference of Depthwise
/// steps.
template <class T, int V>
__global__ void __launch_bounds__(threads) depthwise_any(Arguments<T> a, PdlTrigger trigger) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= nhwc_threads<V>(a.y)) return;
  const auto [n, oh, ow, channel] = nhwc_index<V>(index, a.y);
  float sum[V];
  start<T, V>(a, channel, sum);
  for (int kh = 0; kh < a.kernel_h; ++kh) {
    const int ih = oh * a.stride_h - a.pad_top + kh * a.dilation_h;
    if (ih < 0 || ih >= a.x.h) continue;
    for (int kw = 0; kw < a.kernel_w; ++kw) {
      const int iw = ow * a.stride_w - a.pad_left + kw * a.dilation_w;
      if (iw < 0 || iw >= a.x.w) continue;
      float x[V], w[V];
      load<T, V>(x, a.x.pixel(n, ih, iw) + channel);
      load<T, V>(w, a.weight + (kh * a.kernel_w + kw) * a.y.c + channel);
#pragma unroll
      for (int i = 0; i < V; ++i) sum[i] += x[i] * w[i];
    }
  }
  write<T, V>(a, n, oh, ow, channel, sum);
}

/// y[h, w, c] = epilogue(sum over the K x K taps of x[tap of (h, w), c] weight[tap, c] + bias[c]), dilation
/// 1.
/// A thread has V neighbouring channels of `rows` x `columns` pixels of y and goes down the tile: a row of
/// x serves all sums that need it.
/// Shared memory: none; weights and sums stay in registers.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "depthwise" launches it for Depthwise steps with 3x3 windows of stride 1 or 2.
template <class T, int V, int K, int stride, int rows, int columns>
__global__ void __launch_bounds__(threads) depthwise_tile(Arguments<T> a, PdlTrigger trigger) {
  const int vectors = a.y.c / V, tiles_w = (a.y.w + columns - 1) / columns,
            tiles_h = (a.y.h + rows - 1) / rows;
  std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= std::int64_t{vectors} * tiles_w * tiles_h * a.y.n) return;
  const int channel = static_cast<int>(index % vectors) * V;
  index /= vectors;
  const int ow0 = static_cast<int>(index % tiles_w) * columns,
            oh0 = static_cast<int>(index / tiles_w % tiles_h) * rows;
  const int n = static_cast<int>(index / tiles_w / tiles_h);
  constexpr int span_h = (rows - 1) * stride + K, span_w = (columns - 1) * stride + K;
  float weight[K * K][V];
#pragma unroll
  for (int k = 0; k < K * K; ++k) load<T, V>(weight[k], a.weight + k * a.y.c + channel);
  float sum[rows][columns][V];
#pragma unroll
  for (int r = 0; r < rows; ++r)
#pragma unroll
    for (int c = 0; c < columns; ++c) start<T, V>(a, channel, sum[r][c]);
#pragma unroll
  for (int dh = 0; dh < span_h; ++dh) {
    const int ih = oh0 * stride - a.pad_top + dh;
    const bool row_inside = ih >= 0 && ih < a.x.h;
    float line[span_w][V];
#pragma unroll
    for (int dw = 0; dw < span_w; ++dw) {
      const int iw = ow0 * stride - a.pad_left + dw;
      Vector<T, V> vector{};
      if (row_inside && iw >= 0 && iw < a.x.w)
        vector = *reinterpret_cast<const Vector<T, V>*>(a.x.pixel(n, ih, iw) + channel);
#pragma unroll
      for (int i = 0; i < V; ++i) line[dw][i] = to_f32(vector.v[i]);
    }
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const int kh = dh - r * stride;
      if (kh < 0 || kh >= K) continue;
#pragma unroll
      for (int c = 0; c < columns; ++c)
#pragma unroll
        for (int kw = 0; kw < K; ++kw)
#pragma unroll
          for (int i = 0; i < V; ++i) sum[r][c][i] += line[c * stride + kw][i] * weight[kh * K + kw][i];
      if (kh != K - 1) continue;
#pragma unroll
      for (int c = 0; c < columns; ++c)
        if (oh0 + r < a.y.h && ow0 + c < a.y.w) write<T, V>(a, n, oh0 + r, ow0 + c, channel, sum[r][c]);
    }
  }
}

// ------------------------------------------------------------ launchers

template <class T>
Arguments<T> arguments(const Depthwise& step, const Memory& memory) {
  const auto extent = [](std::int64_t v) { return static_cast<int>(v); };
  Arguments<T> a{};
  a.x = map_of<const T>(step.x, memory);
  a.residual = map_of<const T>(step.residual, memory);
  a.y = map_of<T>(step.y, memory);
  a.weight = pointer_to<const T>(step.weight, memory);
  a.bias = pointer_to<const float>(step.bias, memory);
  a.kernel_h = extent(step.weight.shape[2]), a.kernel_w = extent(step.weight.shape[3]);
  a.stride_h = extent(step.stride[0]), a.stride_w = extent(step.stride[1]);
  a.dilation_h = extent(step.dilation[0]), a.dilation_w = extent(step.dilation[1]);
  a.pad_top = extent(step.pad[0]), a.pad_left = extent(step.pad[1]);
  a.activation = step.activation, a.residual_place = step.residual_place;
  return a;
}

template <class T, int V>
void launch_any(const Depthwise& step, const Memory& memory, const LaunchContext& context) {
  const Arguments<T> a = arguments<T>(step, memory);
  launch_pdl_kernel(context, "depthwise_any", depthwise_any<T, V>,
                    divide_up(step.y.shape.elements() / V, threads), threads, 0, a);
}

/// `narrower`: by how much the vector is narrower than the widest; fewer registers a pixel, more pixels a
/// thread.
template <class T, int stride, int rows, int columns, int narrower = 1>
void launch_tile(const Depthwise& step, const Memory& memory, const LaunchContext& context) {
  constexpr int V = vector_width<T> / narrower;
  const Arguments<T> a = arguments<T>(step, memory);
  const std::int64_t tiles =
      std::int64_t{a.y.c / V} * divide_up(a.y.w, columns) * divide_up(a.y.h, rows) * a.y.n;
  launch_pdl_kernel(context, "depthwise_tile", depthwise_tile<T, V, 3, stride, rows, columns>,
                    divide_up(tiles, threads), threads, 0, a);
}

template <class T, int stride>
constexpr void (*tiled_instances[])(const Depthwise&, const Memory&, const LaunchContext&) = {
    launch_tile<T, stride, 1, 4>,    launch_tile<T, stride, 2, 2>,    launch_tile<T, stride, 1, 2>,
    launch_tile<T, stride, 2, 4>,    launch_tile<T, stride, 1, 1>,    launch_tile<T, stride, 4, 2>,
    launch_tile<T, stride, 4, 1>,    launch_tile<T, stride, 8, 1>,    launch_tile<T, stride, 8, 2, 2>,
    launch_tile<T, stride, 4, 4, 2>, launch_tile<T, stride, 2, 2, 2>, launch_tile<T, stride, 8, 4, 4>};
constexpr auto instance_count = static_cast<std::int64_t>(std::size(tiled_instances<__half, 1>));
constexpr std::int64_t any_instance = -1;

bool vectorised(const Depthwise& step) {
  const int width = 16 / static_cast<int>(size_of(step.x.dtype));
  return in_vectors_of(step.x, width) && in_vectors_of(step.y, width) && in_vectors_of(step.residual, width);
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target&) {
  const auto* depthwise = std::get_if<Depthwise>(&step.operation);
  if (!depthwise) return {};
  std::vector<Tactic> tactics;
  const bool tiled = vectorised(*depthwise) && depthwise->weight.shape[2] == 3 &&
                     depthwise->weight.shape[3] == 3 && depthwise->dilation == Pair{1, 1} &&
                     depthwise->stride[0] == depthwise->stride[1] && depthwise->stride[0] <= 2;
  if (tiled)
    for (std::int64_t i = 0; i < instance_count; ++i) tactics.push_back(make_tactic({i}));
  tactics.push_back(make_tactic({any_instance}));
  return tactics;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target&) {
  const std::int64_t variant = tactic.parameters.at(0);
  return [variant, depthwise = std::get<Depthwise>(step.operation)](const Memory& memory, std::byte*,
                                                                    const LaunchContext& context) {
    with_type(depthwise.x.dtype, [&]<class T>() {
      if (variant == any_instance) {
        vectorised(depthwise) ? launch_any<T, vector_width<T>>(depthwise, memory, context)
                              : launch_any<T, 1>(depthwise, memory, context);
      } else {
        (depthwise.stride[0] == 1 ? tiled_instances<T, 1> : tiled_instances<T, 2>)[variant](depthwise, memory,
                                                                                            context);
      }
    });
  };
}

}  // namespace

const KernelProvider depthwise_provider{"depthwise", enumerate_tactics, instantiate, PdlMode::secondary};

}  // namespace peregrine::cuda
