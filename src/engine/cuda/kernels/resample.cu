// Making maps larger: upsampling, and transposed convolution with windows that do not overlap.
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/kernels/single_tactic.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int threads = 128;

template <class T>
struct UpsampleArguments {
  Map<const T> x;
  Map<T> y;
  int factor_h, factor_w;
};

// ------------------------------------------------------------ kernels

/// y[h, w] = x[h / factor_h, w / factor_w].
/// A thread has V neighbouring channels of one pixel of y: 16 bytes, or one element where the maps are not
/// aligned.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "upsample" launches it for Upsample steps of kind nearest.
template <class T, int V>
__global__ void __launch_bounds__(threads) upsample_nearest(UpsampleArguments<T> a, PdlTrigger trigger) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= nhwc_threads<V>(a.y)) return;
  const auto [n, oh, ow, channel] = nhwc_index<V>(index, a.y);
  using Bits = Vector<T, V>;
  *reinterpret_cast<Bits*>(a.y.pixel(n, oh, ow) + channel) =
      *reinterpret_cast<const Bits*>(a.x.pixel(n, oh / a.factor_h, ow / a.factor_w) + channel);
}

/// y = x interpolated linearly between the four nearest pixel centres, which lie at half integers
/// (align_corners = False), clamped at the border.
/// A thread has V neighbouring channels of one pixel of y: 16 bytes, or one element where the maps are not
/// aligned.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "upsample" launches it for Upsample steps of kind bilinear.
template <class T, int V>
__global__ void __launch_bounds__(threads) upsample_bilinear(UpsampleArguments<T> a, PdlTrigger trigger) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= nhwc_threads<V>(a.y)) return;
  const auto [n, oh, ow, channel] = nhwc_index<V>(index, a.y);
  const float fh = fmaxf((oh + 0.5f) / a.factor_h - 0.5f, 0.0f),
              fw = fmaxf((ow + 0.5f) / a.factor_w - 0.5f, 0.0f);
  const int h0 = static_cast<int>(fh), w0 = static_cast<int>(fw);
  const int h1 = min(h0 + 1, a.x.h - 1), w1 = min(w0 + 1, a.x.w - 1);
  const float lh = fh - h0, lw = fw - w0;
  float top_left[V], top_right[V], bottom_left[V], bottom_right[V], result[V];
  load<T, V>(top_left, a.x.pixel(n, h0, w0) + channel);
  load<T, V>(top_right, a.x.pixel(n, h0, w1) + channel);
  load<T, V>(bottom_left, a.x.pixel(n, h1, w0) + channel);
  load<T, V>(bottom_right, a.x.pixel(n, h1, w1) + channel);
#pragma unroll
  for (int i = 0; i < V; ++i)
    result[i] = (1 - lh) * ((1 - lw) * top_left[i] + lw * top_right[i]) +
                lh * ((1 - lw) * bottom_left[i] + lw * bottom_right[i]);
  store<T, V>(a.y.pixel(n, oh, ow) + channel, result);
}

template <class T>
struct TransposeArguments {
  Map<const T> x;
  Map<T> y;
  const T* weight;  ///< [kernel_h][kernel_w][K][C]
  const float* bias;
  int kernel_h, kernel_w;
  Activation activation;
};

/// y[h, w, k] = activation(sum over c of x[h / kernel_h, w / kernel_w, c] weight[tap of (h, w), k, c] +
/// bias[k]): windows do not overlap.
/// A thread has one element of y; a block has 128 threads.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "transposed" launches it for ConvTranspose steps: the reference of gemm_conv.cuh's kernel
/// for them.
template <class T>
__global__ void __launch_bounds__(threads) transposed_conv(TransposeArguments<T> a, PdlTrigger trigger) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= nhwc_threads<1>(a.y)) return;
  const auto [n, oh, ow, k] = nhwc_index<1>(index, a.y);
  const int tap = oh % a.kernel_h * a.kernel_w + ow % a.kernel_w;
  const T* x = a.x.pixel(n, oh / a.kernel_h, ow / a.kernel_w);
  const T* weight = a.weight + (std::int64_t{tap} * a.y.c + k) * a.x.c;
  float sum = a.bias ? a.bias[k] : 0.0f;
  for (int c = 0; c < a.x.c; ++c) sum += to_f32(x[c]) * to_f32(weight[c]);
  a.y.pixel(n, oh, ow)[k] = from_f32<T>(activate(sum, a.activation));
}

// ------------------------------------------------------------ launchers

template <class T, int V>
void launch_upsample(const Upsample& step, const Memory& memory, const LaunchContext& context) {
  const UpsampleArguments<T> a{map_of<const T>(step.x, memory), map_of<T>(step.y, memory),
                               static_cast<int>(step.factor[0]), static_cast<int>(step.factor[1])};
  const int blocks = divide_up(step.y.shape.elements() / V, threads);
  if (step.kind == graph::Upsample::Kind::nearest)
    launch_pdl_kernel(context, "upsample_nearest", upsample_nearest<T, V>, blocks, threads, 0, a);
  else
    launch_pdl_kernel(context, "upsample_bilinear", upsample_bilinear<T, V>, blocks, threads, 0, a);
}

template <class T>
void launch_transposed(const ConvTranspose& step, const Memory& memory, const LaunchContext& context) {
  const TransposeArguments<T> a{map_of<const T>(step.x, memory),
                                map_of<T>(step.y, memory),
                                pointer_to<const T>(step.weight, memory),
                                pointer_to<const float>(step.bias, memory),
                                static_cast<int>(step.weight.shape[2]),
                                static_cast<int>(step.weight.shape[3]),
                                step.activation};
  launch_pdl_kernel(context, "transposed_conv", transposed_conv<T>,
                    divide_up(step.y.shape.elements(), threads), threads, 0, a);
}

Launch make_upsample(const Step& step, Tactic&, const Target&) {
  return [upsample = std::get<Upsample>(step.operation)](const Memory& memory, std::byte*,
                                                         const LaunchContext& context) {
    with_type(upsample.x.dtype, [&]<class T>() {
      constexpr int V = vector_width<T>;
      if (in_vectors_of(upsample.x, V) && in_vectors_of(upsample.y, V))
        launch_upsample<T, V>(upsample, memory, context);
      else
        launch_upsample<T, 1>(upsample, memory, context);
    });
  };
}

Launch make_transposed(const Step& step, Tactic&, const Target&) {
  return [conv = std::get<ConvTranspose>(step.operation)](const Memory& memory, std::byte*,
                                                          const LaunchContext& context) {
    with_type(conv.x.dtype, [&]<class T>() { launch_transposed<T>(conv, memory, context); });
  };
}

}  // namespace

const KernelProvider upsample_provider{"upsample", single_tactic<Upsample>, make_upsample,
                                       PdlMode::secondary};
const KernelProvider conv_transpose_provider{"transposed", single_tactic<ConvTranspose>, make_transposed,
                                             PdlMode::secondary};

}  // namespace peregrine::cuda
