// Instance normalisation (OSNet's IBN and AIN variants) and OSNet's unified gate: both need means over whole
// maps.
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/kernels/single_tactic.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int threads = 256, lanes = 32, slices = threads / lanes;

// ------------------------------------------------------------ kernels

/// Sums `value` over the block's slices for each lane; the result is valid in slice 0.
__device__ float over_slices(float value, float (&scratch)[slices][lanes]) {
  const int lane = threadIdx.x % lanes, slice = threadIdx.x / lanes;
  scratch[slice][lane] = value;
  __syncthreads();
  float total = 0;
  for (int i = 0; i < slices; ++i) total += scratch[i][lane];
  __syncthreads();
  return total;
}

template <class T>
struct NormArguments {
  Map<const T> x;
  Map<T> y;
  const float *scale, *shift;
  float epsilon;
  Activation activation;
};

/// y = activation((x - mean) / sqrt(variance + epsilon) scale + shift), mean and variance over the pixels
/// of a channel of an image; the variance is taken around the mean, in a second pass.
/// A block has 32 channels of one image and 8 slices of its pixels; the grid is groups of channels x
/// images.
/// Shared memory: one float a thread, 8 slices x 32 lanes: 1 KiB.
/// Barriers: over_slices() publishes the slices' sums before they are added, and keeps them from being
/// overwritten before all threads have read them.
/// The provider "instance_norm" launches it for InstanceNorm steps (OSNet IBN and AIN).
template <class T>
__global__ void __launch_bounds__(threads) instance_norm(NormArguments<T> a, PdlTrigger trigger) {
  __shared__ float scratch[slices][lanes];
  const int channel = blockIdx.x * lanes + threadIdx.x % lanes, slice = threadIdx.x / lanes, n = blockIdx.y;
  const int pixels = a.x.h * a.x.w;
  const bool inside = channel < a.x.c;
  const auto value = [&](int p) { return to_f32(a.x.pixel(n, p / a.x.w, p % a.x.w)[channel]); };
  grid_dependency_wait(trigger);
  float sum = 0, squares = 0;
  for (int p = slice; inside && p < pixels; p += slices) sum += value(p);
  const float mean = over_slices(sum, scratch) / pixels;
  for (int p = slice; inside && p < pixels; p += slices) squares += (value(p) - mean) * (value(p) - mean);
  const float deviation = rsqrtf(over_slices(squares, scratch) / pixels + a.epsilon);
  for (int p = slice; inside && p < pixels; p += slices) {
    const float normal = (value(p) - mean) * deviation * a.scale[channel] + a.shift[channel];
    a.y.pixel(n, p / a.y.w, p % a.y.w)[channel] = from_f32<T>(activate(normal, a.activation));
  }
}

constexpr int max_branches = 4;

template <class T>
struct GateArguments {
  Map<const T> x[max_branches];
  Map<T> y;
  const T *w1, *w2;
  const float *b1, *b2;
  float* gates;  ///< [branches][N][C]
  int branches, hidden;
};

/// gates[b, n, c] = mean of x_b[n, c] over its pixels: the first stage of OSNet's unified gate.
/// A block has 32 channels of one image of one branch and 8 slices of its pixels; the grid is groups of
/// channels x images x branches.
/// Shared memory: one float a thread, 8 slices x 32 lanes: 1 KiB.
/// Barriers: over_slices() publishes the slices' sums before they are added, and keeps them from being
/// overwritten before all threads have read them.
/// The provider "gate" launches it first of the three kernels of a GatedSum step.
template <class T>
__global__ void __launch_bounds__(threads) gate_means(GateArguments<T> a, PdlTrigger trigger) {
  __shared__ float scratch[slices][lanes];
  const Map<const T> x = a.x[blockIdx.z];
  const int channel = blockIdx.x * lanes + threadIdx.x % lanes, slice = threadIdx.x / lanes, n = blockIdx.y;
  const int pixels = x.h * x.w;
  grid_dependency_wait(trigger);
  float sum = 0;
  for (int p = slice; channel < x.c && p < pixels; p += slices)
    sum += to_f32(x.pixel(n, p / x.w, p % x.w)[channel]);
  const float total = over_slices(sum, scratch);
  if (slice == 0 && channel < x.c)
    a.gates[(std::int64_t{blockIdx.z} * x.n + n) * x.c + channel] = total / pixels;
}

/// gates = sigmoid(w2 relu(w1 gates + b1) + b2), in place: the second stage of OSNet's unified gate.
/// A block has one image of one branch; a warp has one hidden number at a time, then a thread one channel;
/// the grid is images x branches.
/// Shared memory: the means (4 bytes a channel), then the hidden numbers (4 bytes each).
/// Barriers: the first __syncthreads() publishes the means to all warps, the second one the hidden numbers.
/// The provider "gate" launches it between gate_means and gate_sum.
template <class T>
__global__ void __launch_bounds__(threads) gate_layers(GateArguments<T> a, PdlTrigger trigger) {
  extern __shared__ float shared[];
  const int channels = a.y.c;
  float *mean = shared, *hidden = shared + channels;
  float* gates = a.gates + (std::int64_t{blockIdx.y} * a.y.n + blockIdx.x) * channels;
  grid_dependency_wait(trigger);
  for (int c = threadIdx.x; c < channels; c += threads) mean[c] = gates[c];
  __syncthreads();
  for (int h = threadIdx.x / lanes; h < a.hidden; h += slices) {
    float sum = 0;
    for (int c = threadIdx.x % lanes; c < channels; c += lanes)
      sum += mean[c] * to_f32(a.w1[h * channels + c]);
    for (int offset = lanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(~0u, sum, offset);
    if (threadIdx.x % lanes == 0) hidden[h] = fmaxf(sum + a.b1[h], 0.0f);
  }
  __syncthreads();
  for (int c = threadIdx.x; c < channels; c += threads) {
    float sum = a.b2[c];
    for (int h = 0; h < a.hidden; ++h) sum += hidden[h] * to_f32(a.w2[c * a.hidden + h]);
    gates[c] = 1.0f / (1.0f + expf(-sum));
  }
}

/// y = sum over branches b of gates[b, n, c] x_b: the last stage of OSNet's unified gate.
/// A thread has V neighbouring channels of one pixel: 16 bytes, or one element where the maps are not
/// aligned.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "gate" launches it last of the three kernels of a GatedSum step.
template <class T, int V>
__global__ void __launch_bounds__(threads) gate_sum(GateArguments<T> a, PdlTrigger trigger) {
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= nhwc_threads<V>(a.y)) return;
  const auto [n, h, w, channel] = nhwc_index<V>(index, a.y);
  float sum[V] = {};
  for (int branch = 0; branch < a.branches; ++branch) {
    const float* gate = a.gates + (std::int64_t{branch} * a.y.n + n) * a.y.c + channel;
    float x[V];
    load<T, V>(x, a.x[branch].pixel(n, h, w) + channel);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += gate[i] * x[i];
  }
  store<T, V>(a.y.pixel(n, h, w) + channel, sum);
}

// ------------------------------------------------------------ launchers

template <class T>
void launch_norm(const InstanceNorm& step, const Memory& memory, const LaunchContext& context) {
  const NormArguments<T> a{map_of<const T>(step.x, memory),
                           map_of<T>(step.y, memory),
                           pointer_to<const float>(step.scale, memory),
                           pointer_to<const float>(step.shift, memory),
                           step.epsilon,
                           step.activation};
  const dim3 grid(static_cast<unsigned>(divide_up(a.x.c, lanes)), static_cast<unsigned>(a.x.n));
  launch_pdl_kernel(context, "instance_norm", instance_norm<T>, grid, threads, 0, a);
}

template <class T>
void launch_gate(const GatedSum& step, const Memory& memory, const LaunchContext& context) {
  GateArguments<T> a{};
  a.branches = static_cast<int>(step.x.size());
  bool vectors = in_vectors_of(step.y, vector_width<T>);
  for (int i = 0; i < a.branches; ++i) {
    const TensorRef& x = step.x[static_cast<std::size_t>(i)];
    a.x[i] = map_of<const T>(x, memory);
    vectors = vectors && in_vectors_of(x, vector_width<T>);
  }
  a.y = map_of<T>(step.y, memory);
  a.w1 = pointer_to<const T>(step.w1, memory), a.w2 = pointer_to<const T>(step.w2, memory);
  a.b1 = pointer_to<const float>(step.b1, memory), a.b2 = pointer_to<const float>(step.b2, memory);
  a.gates = pointer_to<float>(step.gates, memory);
  a.hidden = static_cast<int>(step.w1.shape[0]);
  const auto images = static_cast<unsigned>(a.y.n), branches = static_cast<unsigned>(a.branches);
  launch_pdl_kernel(context.for_inner_kernel(), "gate_means", gate_means<T>,
                    dim3(static_cast<unsigned>(divide_up(a.y.c, lanes)), images, branches), threads, 0, a);
  const std::size_t shared = static_cast<std::size_t>(a.y.c + a.hidden) * sizeof(float);
  launch_pdl_kernel(context.for_inner_kernel(), "gate_layers", gate_layers<T>, dim3(images, branches),
                    threads, shared, a);
  const std::int64_t elements = step.y.shape.elements();
  if (vectors)
    launch_pdl_kernel(context, "gate_sum", gate_sum<T, vector_width<T>>,
                      divide_up(elements / vector_width<T>, threads), threads, 0, a);
  else
    launch_pdl_kernel(context, "gate_sum", gate_sum<T, 1>, divide_up(elements, threads), threads, 0, a);
}

std::vector<Tactic> list_gate(const Step& step, const Target&) {
  const auto* gate = std::get_if<GatedSum>(&step.operation);
  if (!gate || gate->x.size() > max_branches) return {};
  return {Tactic{}};
}

Launch make_norm(const Step& step, Tactic&, const Target&) {
  return [s = std::get<InstanceNorm>(step.operation)](const Memory& memory, std::byte*,
                                                      const LaunchContext& context) {
    with_type(s.x.dtype, [&]<class T>() { launch_norm<T>(s, memory, context); });
  };
}

Launch make_gate(const Step& step, Tactic&, const Target&) {
  return [s = std::get<GatedSum>(step.operation)](const Memory& memory, std::byte*,
                                                  const LaunchContext& context) {
    with_type(s.y.dtype, [&]<class T>() { launch_gate<T>(s, memory, context); });
  };
}

}  // namespace

const KernelProvider instance_norm_provider{"instance_norm", single_tactic<InstanceNorm>, make_norm,
                                            PdlMode::secondary};
const KernelProvider gated_sum_provider{"gate", list_gate, make_gate, PdlMode::secondary};

}  // namespace peregrine::cuda
