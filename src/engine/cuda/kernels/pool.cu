// Pooling: single windows, SPPF's chain of three in one kernel, and the mean over a whole map.
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/kernels/single_tactic.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int threads = 128;
constexpr int chain_threads = 512;  ///< few blocks, whose steps wait for each other: each must be quick
constexpr float lowest = -3.402823466e38f;

template <class T>
struct PoolArguments {
  Map<const T> x;
  Map<T> y;
  int kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
  bool maximum, count_padding;
};

// ------------------------------------------------------------ kernels

/// y = maximum or mean of x over a window; pixels of the padding take no part, unless count_padding counts
/// them in the mean.
/// A thread has V neighbouring channels of one pixel of y: 16 bytes, or one element where the maps are not
/// aligned.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "pool" launches it for Pool steps, "pool_chain" for maps that do not fit shared memory.
template <class T, int V>
__global__ void __launch_bounds__(threads) pool(PoolArguments<T> a, PdlTrigger trigger) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= nhwc_threads<V>(a.y)) return;
  const auto [n, oh, ow, channel] = nhwc_index<V>(index, a.y);
  float result[V];
#pragma unroll
  for (int i = 0; i < V; ++i) result[i] = a.maximum ? lowest : 0.0f;
  int counted = 0;
  for (int kh = 0; kh < a.kernel_h; ++kh) {
    const int ih = oh * a.stride_h - a.pad_top + kh;
    if (ih < 0 || ih >= a.x.h) continue;
    for (int kw = 0; kw < a.kernel_w; ++kw) {
      const int iw = ow * a.stride_w - a.pad_left + kw;
      if (iw < 0 || iw >= a.x.w) continue;
      float x[V];
      load<T, V>(x, a.x.pixel(n, ih, iw) + channel);
#pragma unroll
      for (int i = 0; i < V; ++i) result[i] = a.maximum ? fmaxf(result[i], x[i]) : result[i] + x[i];
      ++counted;
    }
  }
  if (!a.maximum) {
    const float divisor = static_cast<float>(a.count_padding ? a.kernel_h * a.kernel_w : counted);
#pragma unroll
    for (int i = 0; i < V; ++i) result[i] /= divisor;
  }
  store<T, V>(a.y.pixel(n, oh, ow) + channel, result);
}

constexpr int max_chain = 4;

template <class T>
struct ChainArguments {
  Map<const T> x;
  Map<T> y[max_chain];
  int count, radius;
};

/// y_0 = max pool of x, y_i = max pool of y_(i-1): SPPF's chain, each rows before columns, which is exact
/// for a maximum.
/// A block has V neighbouring channels of a whole image and 512 threads; the grid is groups of channels x
/// images.
/// Shared memory: the map, then the maxima of its rows, each pixels x V elements (dynamic).
/// Barriers: the first __syncthreads() of a stage publishes the map, the second one the maxima of the rows;
/// together they also keep each from being overwritten while it is read.
/// The provider "pool_chain" launches it for PoolChain steps.
template <class T, int V>
__global__ void __launch_bounds__(chain_threads) pool_chain(ChainArguments<T> a, PdlTrigger trigger) {
  extern __shared__ __align__(16) std::byte shared[];
  auto* plane = reinterpret_cast<Vector<T, V>*>(shared);
  auto* rows = plane + a.x.h * a.x.w;
  const int pixels = a.x.h * a.x.w, channel = blockIdx.x * V, n = blockIdx.y;
  const auto larger = [](Vector<T, V>& to, const Vector<T, V>& from) {
#pragma unroll
    for (int i = 0; i < V; ++i)
      if (to_f32(from.v[i]) > to_f32(to.v[i])) to.v[i] = from.v[i];
  };
  grid_dependency_wait(trigger);
  for (int p = threadIdx.x; p < pixels; p += chain_threads)
    plane[p] = *reinterpret_cast<const Vector<T, V>*>(a.x.pixel(n, p / a.x.w, p % a.x.w) + channel);
  for (int stage = 0; stage < a.count; ++stage) {
    __syncthreads();
    for (int p = threadIdx.x; p < pixels; p += chain_threads) {
      const int w = p % a.x.w;
      Vector<T, V> best = plane[p];
      for (int d = max(-a.radius, -w); d <= min(a.radius, a.x.w - 1 - w); ++d) larger(best, plane[p + d]);
      rows[p] = best;
    }
    __syncthreads();
    for (int p = threadIdx.x; p < pixels; p += chain_threads) {
      const int h = p / a.x.w;
      Vector<T, V> best = rows[p];
      for (int d = max(-a.radius, -h); d <= min(a.radius, a.x.h - 1 - h); ++d)
        larger(best, rows[p + d * a.x.w]);
      plane[p] = best;
      *reinterpret_cast<Vector<T, V>*>(a.y[stage].pixel(n, h, p % a.x.w) + channel) = best;
    }
  }
}

template <class T>
struct MeanArguments {
  Map<const T> x;
  Map<T> y;
};

/// y[n, c] = mean of x[n, c] over its pixels, summed in FP32.
/// A block has V neighbouring channels of one image; its 128 threads share the pixels; the grid is groups
/// of channels x images.
/// Shared memory: V floats a warp.
/// Barriers: __syncthreads() publishes the warps' sums to the threads that add them.
/// The provider "global_pool" launches it for GlobalAveragePool steps.
template <class T, int V>
__global__ void __launch_bounds__(threads) global_mean(MeanArguments<T> a, PdlTrigger trigger) {
  __shared__ float partial[threads / 32][V];
  const int channel = blockIdx.x * V, n = blockIdx.y, pixels = a.x.h * a.x.w;
  grid_dependency_wait(trigger);
  float sum[V] = {};
  for (int p = threadIdx.x; p < pixels; p += threads) {
    float x[V];
    load<T, V>(x, a.x.pixel(n, p / a.x.w, p % a.x.w) + channel);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += x[i];
  }
#pragma unroll
  for (int i = 0; i < V; ++i)
    for (int offset = 16; offset > 0; offset /= 2) sum[i] += __shfl_xor_sync(~0u, sum[i], offset);
  if (threadIdx.x % 32 == 0)
    for (int i = 0; i < V; ++i) partial[threadIdx.x / 32][i] = sum[i];
  __syncthreads();
  if (threadIdx.x >= V) return;
  float total = 0;
  for (int warp = 0; warp < threads / 32; ++warp) total += partial[warp][threadIdx.x];
  a.y.pixel(n, 0, 0)[channel + threadIdx.x] = from_f32<T>(total / static_cast<float>(pixels));
}

// ------------------------------------------------------------ launchers

template <class T>
void launch_pool(const Pool& step, const Memory& memory, const LaunchContext& context) {
  const auto extent = [](std::int64_t v) { return static_cast<int>(v); };
  const PoolArguments<T> a{map_of<const T>(step.x, memory),
                           map_of<T>(step.y, memory),
                           extent(step.kernel[0]),
                           extent(step.kernel[1]),
                           extent(step.stride[0]),
                           extent(step.stride[1]),
                           extent(step.pad[0]),
                           extent(step.pad[1]),
                           step.kind == graph::Pool::Kind::max,
                           step.count_padding};
  constexpr int V = vector_width<T>;
  const std::int64_t elements = step.y.shape.elements();
  if (in_vectors_of(step.x, V) && in_vectors_of(step.y, V))
    launch_pdl_kernel(context, "pool", pool<T, V>, divide_up(elements / V, threads), threads, 0, a);
  else
    launch_pdl_kernel(context, "pool", pool<T, 1>, divide_up(elements, threads), threads, 0, a);
}

template <class T>
std::size_t chain_shared_bytes(const PoolChain& step, int width) {
  return static_cast<std::size_t>(2 * step.x.shape[2] * step.x.shape[3] * width) * sizeof(T);
}

template <class T, int V>
void launch_chain(const PoolChain& step, const Memory& memory, const LaunchContext& context) {
  ChainArguments<T> a{};
  a.x = map_of<const T>(step.x, memory);
  a.count = static_cast<int>(step.y.size());
  for (int i = 0; i < a.count; ++i) a.y[i] = map_of<T>(step.y[static_cast<std::size_t>(i)], memory);
  a.radius = static_cast<int>(step.kernel / 2);
  const std::size_t bytes = chain_shared_bytes<T>(step, V);
  if (bytes > 48 * 1024)
    check(cudaFuncSetAttribute(pool_chain<T, V>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(bytes)),
          "cudaFuncSetAttribute", "pool_chain");
  const dim3 grid(static_cast<unsigned>(a.x.c / V), static_cast<unsigned>(a.x.n));
  launch_pdl_kernel(context, "pool_chain", pool_chain<T, V>, grid, chain_threads, bytes, a);
}

bool vectorised(const PoolChain& step, int width) {
  bool all = in_vectors_of(step.x, width);
  for (const TensorRef& y : step.y) all = all && in_vectors_of(y, width);
  return all;
}

/// Maps too large for shared memory: one window after another.
template <class T>
void launch_one_by_one(const PoolChain& step, const Memory& memory, const LaunchContext& context) {
  const std::int64_t pad = step.kernel / 2;
  const TensorRef* from = &step.x;
  for (const TensorRef& to : step.y) {
    launch_pool<T>({.x = *from, .y = to, .kernel = {step.kernel, step.kernel}, .pad = {pad, pad, pad, pad}},
                   memory, &to == &step.y.back() ? context : context.for_inner_kernel());
    from = &to;
  }
}

template <class T>
void launch_mean(const GlobalAveragePool& step, const Memory& memory, const LaunchContext& context) {
  constexpr int V = vector_width<T>;
  const MeanArguments<T> a{map_of<const T>(step.x, memory), map_of<T>(step.y, memory)};
  const auto images = static_cast<unsigned>(a.x.n);
  if (in_vectors_of(step.x, V))
    launch_pdl_kernel(context, "global_mean", global_mean<T, V>,
                      dim3(static_cast<unsigned>(a.x.c / V), images), threads, 0, a);
  else
    launch_pdl_kernel(context, "global_mean", global_mean<T, 1>, dim3(static_cast<unsigned>(a.x.c), images),
                      threads, 0, a);
}

Launch make_pool(const Step& step, Tactic&, const Target&) {
  return [pool = std::get<Pool>(step.operation)](const Memory& memory, std::byte*,
                                                 const LaunchContext& context) {
    with_type(pool.x.dtype, [&]<class T>() { launch_pool<T>(pool, memory, context); });
  };
}

Launch make_chain(const Step& step, Tactic&, const Target& target) {
  const auto& chain = std::get<PoolChain>(step.operation);
  const int width = 16 / static_cast<int>(size_of(chain.x.dtype));
  const bool vectors = vectorised(chain, width);
  const std::size_t needed = static_cast<std::size_t>(2 * chain.x.shape[2] * chain.x.shape[3]) *
                             (vectors ? 16 : size_of(chain.x.dtype));
  const bool fits = chain.y.size() <= max_chain && needed <= target.device.shared_bytes_per_block;
  return [chain, vectors, fits](const Memory& memory, std::byte*, const LaunchContext& context) {
    with_type(chain.x.dtype, [&]<class T>() {
      if (!fits)
        launch_one_by_one<T>(chain, memory, context);
      else if (vectors)
        launch_chain<T, vector_width<T>>(chain, memory, context);
      else
        launch_chain<T, 1>(chain, memory, context);
    });
  };
}

Launch make_mean(const Step& step, Tactic&, const Target&) {
  return [mean = std::get<GlobalAveragePool>(step.operation)](const Memory& memory, std::byte*,
                                                              const LaunchContext& context) {
    with_type(mean.x.dtype, [&]<class T>() { launch_mean<T>(mean, memory, context); });
  };
}

}  // namespace

const KernelProvider pool_provider{"pool", single_tactic<Pool>, make_pool, PdlMode::secondary};
const KernelProvider pool_chain_provider{"pool_chain", single_tactic<PoolChain>, make_chain,
                                         PdlMode::secondary};
const KernelProvider global_pool_provider{"global_pool", single_tactic<GlobalAveragePool>, make_mean,
                                          PdlMode::secondary};

}  // namespace peregrine::cuda
