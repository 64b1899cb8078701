// Element by element over any shape and strides: unary and binary functions, copies between layouts and
// dtypes.
#include <algorithm>

#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"

namespace peregrine::cuda {
namespace {

using namespace device;

constexpr int threads = 256;

struct ElementLayout {
  int rank;
  std::int64_t extent[Shape::max_rank], y[Shape::max_rank], a[Shape::max_rank], b[Shape::max_rank];
};

/// Dimensions sorted by the output's strides, the smallest last: neighbouring threads write neighbouring
/// elements.
ElementLayout layout_of(const TensorRef& y, const TensorRef& a, const TensorRef& b) {
  std::vector<std::size_t> order(y.shape.rank());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return y.strides[i] > y.strides[j]; });
  ElementLayout layout{};
  for (const std::size_t axis : order) {
    layout.extent[layout.rank] = y.shape[axis];
    layout.y[layout.rank] = y.strides[axis];
    layout.a[layout.rank] = a.strides[axis];
    layout.b[layout.rank++] = b ? b.strides[axis] : 0;
  }
  return layout;
}

// ------------------------------------------------------------ kernels

__device__ float apply(graph::Unary::Kind kind, float x) {
  using Kind = graph::Unary::Kind;
  switch (kind) {
    case Kind::relu: return fmaxf(x, 0.0f);
    case Kind::silu: return x * sigmoid(x);
    case Kind::sigmoid: return sigmoid(x);
    case Kind::tanh: return tanhf(x);
    case Kind::exp: return expf(x);
    case Kind::sqrt: return sqrtf(x);
    case Kind::neg: return -x;
  }
  return x;
}

__device__ float apply(graph::Binary::Kind kind, float a, float b) {
  using Kind = graph::Binary::Kind;
  switch (kind) {
    case Kind::add: return a + b;
    case Kind::sub: return a - b;
    case Kind::mul: return a * b;
    case Kind::div: return a / b;
  }
  return a;
}

struct CopyElement {
  __device__ float operator()(float a, float) const { return a; }
};
struct UnaryFunction {
  graph::Unary::Kind kind;
  __device__ float operator()(float a, float) const { return apply(kind, a); }
};
struct BinaryFunction {
  graph::Binary::Kind kind;
  __device__ float operator()(float a, float b) const { return apply(kind, a, b); }
};

/// y[i] = f(a[i], b[i]) in FP32, for any shape of up to Shape::max_rank axes, any strides and two dtypes.
/// A thread has one element; axes are sorted by y's strides, so that neighbouring threads write
/// neighbouring elements.
/// Shared memory: none.
/// Barriers: grid_dependency_wait() alone, before the first access to what other kernels write or still
/// read.
/// The provider "elementwise" launches it for Unary, Binary and Copy steps.
template <class Out, class In, class F>
__global__ void __launch_bounds__(threads) elementwise(Out* y, const In* a, const In* b, ElementLayout layout,
                                                       std::int64_t elements, F f, PdlTrigger trigger) {
  std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  grid_dependency_wait(trigger);
  if (index >= elements) return;
  std::int64_t at_y = 0, at_a = 0, at_b = 0;
  for (int axis = layout.rank - 1; axis >= 0; --axis) {
    const std::int64_t i = index % layout.extent[axis];
    index /= layout.extent[axis];
    at_y += i * layout.y[axis], at_a += i * layout.a[axis], at_b += i * layout.b[axis];
  }
  y[at_y] = from_f32<Out>(f(to_f32(a[at_a]), b ? to_f32(b[at_b]) : 0.0f));
}

// ------------------------------------------------------------ launchers

/// The layout is made here, once for all launches.
template <class F>
Launch launch_of(const TensorRef& y, const TensorRef& a, const TensorRef& b, F f) {
  return [=, layout = layout_of(y, a, b)](const Memory& memory, std::byte*, const LaunchContext& context) {
    const std::int64_t elements = y.shape.elements();
    with_type(y.dtype, [&]<class Out>() {
      with_type(a.dtype, [&]<class In>() {
        launch_pdl_kernel(context, "elementwise", elementwise<Out, In, F>, divide_up(elements, threads),
                          threads, 0, pointer_to<Out>(y, memory), pointer_to<const In>(a, memory),
                          pointer_to<const In>(b, memory), layout, elements, f);
      });
    });
  };
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target&) {
  const Operation& operation = step.operation;
  if (!std::holds_alternative<Unary>(operation) && !std::holds_alternative<Binary>(operation) &&
      !std::holds_alternative<Copy>(operation))
    return {};
  return {Tactic{}};
}

Launch instantiate(const Step& step, Tactic&, const Target&) {
  if (const auto* copy = std::get_if<Copy>(&step.operation))
    return launch_of(copy->y, copy->x, {}, CopyElement{});
  if (const auto* unary = std::get_if<Unary>(&step.operation))
    return launch_of(unary->y, unary->x, {}, UnaryFunction{unary->kind});
  const Binary& binary = std::get<Binary>(step.operation);
  return launch_of(binary.y, binary.a, binary.b, BinaryFunction{binary.kind});
}

}  // namespace

const KernelProvider elementwise_provider{"elementwise", enumerate_tactics, instantiate, PdlMode::secondary};

}  // namespace peregrine::cuda
