// Matrix products outside of convolutions (small ones: ReID's last layer, attention that did not fuse) and
// softmax.
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/kernels/single_tactic.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int warp = 32, threads = 128, warps = threads / warp;

// ------------------------------------------------------------ kernels

__device__ float warp_sum(float value) {
  for (int offset = warp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(~0u, value, offset);
  return value;
}

__device__ float warp_max(float value) {
  for (int offset = warp / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(~0u, value, offset));
  return value;
}

template <class T>
struct LinearArguments {
  const T *x, *weight;
  const float* bias;
  T* y;
  int rows, columns, depth;
  std::int64_t x_row, x_step, weight_row, y_row, y_step;
  Activation activation;
};

/// y[r, k] = activation(sum over d of x[r, d] weight[k, d] + bias[k]).
/// A warp has one element of y and reads x and weight along the reduction; a block has 4 warps.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "linear" launches it for Linear steps: the last layer of ReID models.
template <class T>
__global__ void __launch_bounds__(threads) linear(LinearArguments<T> a, PdlTrigger trigger) {
  const std::int64_t index = std::int64_t{blockIdx.x} * warps + threadIdx.x / warp;
  grid_dependency_wait(trigger);
  if (index >= std::int64_t{a.rows} * a.columns) return;
  const int row = static_cast<int>(index / a.columns), column = static_cast<int>(index % a.columns);
  const T* x = a.x + row * a.x_row;
  const T* weight = a.weight + column * a.weight_row;
  float sum = 0;
  for (int k = threadIdx.x % warp; k < a.depth; k += warp) sum += to_f32(x[k * a.x_step]) * to_f32(weight[k]);
  sum = warp_sum(sum);
  if (threadIdx.x % warp == 0)
    a.y[row * a.y_row + column * a.y_step] =
        from_f32<T>(activate(sum + (a.bias ? a.bias[column] : 0.0f), a.activation));
}

constexpr std::size_t outer_axes = Shape::max_rank - 2;

template <class T>
struct MatMulArguments {
  const T *a, *b;
  T* y;
  int outer_rank, rows, columns, depth;
  std::int64_t elements;
  std::int64_t extent[outer_axes], a_outer[outer_axes], b_outer[outer_axes], y_outer[outer_axes];
  std::int64_t a_row, a_column, b_row, b_column, y_row, y_column;
};

/// y[..., r, c] = sum over k of a[..., r, k] b[..., k, c], for any strides.
/// A thread has one element of y; a block has 128 threads.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "matmul" launches it for MatMul steps: attention that the lowering did not fuse.
template <class T>
__global__ void __launch_bounds__(threads) matmul(MatMulArguments<T> m, PdlTrigger trigger) {
  std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= m.elements) return;
  const int column = static_cast<int>(index % m.columns), row = static_cast<int>(index / m.columns % m.rows);
  index /= std::int64_t{m.columns} * m.rows;
  const T* a = m.a + row * m.a_row;
  const T* b = m.b + column * m.b_column;
  T* y = m.y + row * m.y_row + column * m.y_column;
  for (int axis = m.outer_rank - 1; axis >= 0; --axis) {
    const std::int64_t i = index % m.extent[axis];
    index /= m.extent[axis];
    a += i * m.a_outer[axis], b += i * m.b_outer[axis], y += i * m.y_outer[axis];
  }
  float sum = 0;
  for (int k = 0; k < m.depth; ++k) sum += to_f32(a[k * m.a_column]) * to_f32(b[k * m.b_row]);
  *y = from_f32<T>(sum);
}

template <class T>
struct SoftmaxArguments {
  const T* x;
  T* y;
  int rank, length;
  std::int64_t lines, x_step, y_step;
  std::int64_t extent[Shape::max_rank], x_outer[Shape::max_rank], y_outer[Shape::max_rank];
};

/// y[i] = exp(x[i] - max x) / sum over j of exp(x[j] - max x), along one axis.
/// A warp has one line along the axis and passes over it three times; a block has 4 warps.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "softmax" launches it for Softmax steps.
template <class T>
__global__ void __launch_bounds__(threads) softmax(SoftmaxArguments<T> s, PdlTrigger trigger) {
  std::int64_t line = std::int64_t{blockIdx.x} * warps + threadIdx.x / warp;
  grid_dependency_wait(trigger);
  if (line >= s.lines) return;
  const T* x = s.x;
  T* y = s.y;
  for (int axis = s.rank - 1; axis >= 0; --axis) {
    const std::int64_t i = line % s.extent[axis];
    line /= s.extent[axis];
    x += i * s.x_outer[axis], y += i * s.y_outer[axis];
  }
  const int lane = threadIdx.x % warp;
  float highest = -3.402823466e38f, sum = 0;
  for (int i = lane; i < s.length; i += warp) highest = fmaxf(highest, to_f32(x[i * s.x_step]));
  highest = warp_max(highest);
  for (int i = lane; i < s.length; i += warp) sum += expf(to_f32(x[i * s.x_step]) - highest);
  sum = warp_sum(sum);
  for (int i = lane; i < s.length; i += warp)
    y[i * s.y_step] = from_f32<T>(expf(to_f32(x[i * s.x_step]) - highest) / sum);
}

// ------------------------------------------------------------ launchers

template <class T>
void launch_linear(const Linear& step, const Memory& memory, const LaunchContext& context) {
  const LinearArguments<T> a{pointer_to<const T>(step.x, memory),
                             pointer_to<const T>(step.weight, memory),
                             pointer_to<const float>(step.bias, memory),
                             pointer_to<T>(step.y, memory),
                             static_cast<int>(step.y.shape[0]),
                             static_cast<int>(step.y.shape[1]),
                             static_cast<int>(step.x.shape[1]),
                             step.x.strides[0],
                             step.x.strides[1],
                             step.weight.strides[0],
                             step.y.strides[0],
                             step.y.strides[1],
                             step.activation};
  launch_pdl_kernel(context, "linear", linear<T>, divide_up(std::int64_t{a.rows} * a.columns, warps), threads,
                    0, a);
}

template <class T>
void launch_matmul(const MatMul& step, const Memory& memory, const LaunchContext& context) {
  const std::size_t rank = step.y.shape.rank();
  MatMulArguments<T> m{};
  m.a = pointer_to<const T>(step.a, memory), m.b = pointer_to<const T>(step.b, memory),
  m.y = pointer_to<T>(step.y, memory);
  m.outer_rank = static_cast<int>(rank - 2);
  m.rows = static_cast<int>(step.y.shape[rank - 2]), m.columns = static_cast<int>(step.y.shape[rank - 1]);
  m.depth = static_cast<int>(step.a.shape[rank - 1]);
  m.elements = step.y.shape.elements();
  for (std::size_t i = 0; i + 2 < rank; ++i) {
    m.extent[i] = step.y.shape[i];
    m.a_outer[i] = step.a.strides[i], m.b_outer[i] = step.b.strides[i], m.y_outer[i] = step.y.strides[i];
  }
  m.a_row = step.a.strides[rank - 2], m.a_column = step.a.strides[rank - 1];
  m.b_row = step.b.strides[rank - 2], m.b_column = step.b.strides[rank - 1];
  m.y_row = step.y.strides[rank - 2], m.y_column = step.y.strides[rank - 1];
  launch_pdl_kernel(context, "matmul", matmul<T>, divide_up(m.elements, threads), threads, 0, m);
}

template <class T>
void launch_softmax(const Softmax& step, const Memory& memory, const LaunchContext& context) {
  SoftmaxArguments<T> s{};
  s.x = pointer_to<const T>(step.x, memory), s.y = pointer_to<T>(step.y, memory);
  const auto along = static_cast<std::size_t>(step.axis);
  s.length = static_cast<int>(step.x.shape[along]);
  s.x_step = step.x.strides[along], s.y_step = step.y.strides[along];
  s.lines = step.x.shape.elements() / s.length;
  for (std::size_t axis = 0; axis < step.x.shape.rank(); ++axis) {
    if (axis == along) continue;
    s.extent[s.rank] = step.x.shape[axis];
    s.x_outer[s.rank] = step.x.strides[axis];
    s.y_outer[s.rank++] = step.y.strides[axis];
  }
  launch_pdl_kernel(context, "softmax", softmax<T>, divide_up(s.lines, warps), threads, 0, s);
}

Launch make_linear(const Step& step, Tactic&, const Target&) {
  return
      [s = std::get<Linear>(step.operation)](const Memory& memory, std::byte*, const LaunchContext& context) {
        with_type(s.x.dtype, [&]<class T>() { launch_linear<T>(s, memory, context); });
      };
}

Launch make_matmul(const Step& step, Tactic&, const Target&) {
  return
      [s = std::get<MatMul>(step.operation)](const Memory& memory, std::byte*, const LaunchContext& context) {
        with_type(s.a.dtype, [&]<class T>() { launch_matmul<T>(s, memory, context); });
      };
}

Launch make_softmax(const Step& step, Tactic&, const Target&) {
  return [s = std::get<Softmax>(step.operation)](const Memory& memory, std::byte*,
                                                 const LaunchContext& context) {
    with_type(s.x.dtype, [&]<class T>() { launch_softmax<T>(s, memory, context); });
  };
}

}  // namespace

const KernelProvider linear_provider{"linear", single_tactic<Linear>, make_linear, PdlMode::secondary};
const KernelProvider matmul_provider{"matmul", single_tactic<MatMul>, make_matmul, PdlMode::secondary};
const KernelProvider softmax_provider{"softmax", single_tactic<Softmax>, make_softmax, PdlMode::secondary};

}  // namespace peregrine::cuda
