// A step's convolution as the kernels with a window see it.
#include "engine/cuda/kernels/cutlass/implicit_gemm.h"

#include "engine/cuda/kernels/device.cuh"

namespace peregrine::cuda::tiles {

using namespace device;

bool in_tma_vectors(const TensorRef& map) {
  if (!map) return true;
  return map.dtype == DType::f16 && in_vectors_of(map, 8) && map.strides[0] % 8 == 0 &&
         map.strides[2] % 8 == 0 && map.strides[3] % 8 == 0;
}

Extents extents_of(const TensorRef& map) {
  const auto extent = [&](std::size_t axis) { return static_cast<int>(map.shape[axis]); };
  return {extent(0), extent(2), extent(3), extent(1), map.strides[0], map.strides[2], map.strides[3]};
}

ConvProblem conv_problem_of(const Conv& conv, const Memory& memory) {
  const auto pair = [](std::int64_t h, std::int64_t w) {
    return std::array{static_cast<int>(h), static_cast<int>(w)};
  };
  ConvProblem problem;
  problem.x = pointer_to<const __half>(conv.x, memory);
  problem.weight = pointer_to<const __half>(conv.weight, memory);
  problem.y = pointer_to<__half>(conv.y, memory);
  problem.from = extents_of(conv.x), problem.to = extents_of(conv.y);
  if (conv.residual)
    problem.residual_strides = {conv.residual.strides[0], conv.residual.strides[2], conv.residual.strides[3]};
  problem.kernel = pair(conv.weight.shape[2], conv.weight.shape[3]);
  problem.stride = pair(conv.stride[0], conv.stride[1]),
  problem.dilation = pair(conv.dilation[0], conv.dilation[1]);
  problem.pad_before = pair(conv.pad[0], conv.pad[1]), problem.pad_after = pair(conv.pad[2], conv.pad[3]);
  problem.epilogue = {.bias = pointer_to<const float>(conv.bias, memory),
                      .residual = pointer_to<const __half>(conv.residual, memory),
                      .residual_place = conv.residual_place,
                      .activation = conv.activation};
  return problem;
}

}  // namespace peregrine::cuda::tiles
