// The 3x3 convolutions that the kernels of this folder support.
#pragma once

#include "engine/cuda/kernels/cutlass/implicit_gemm.h"

namespace peregrine::cuda::tiles {

/// Of a Conv or a Depthwise: 3x3, not dilated, a pixel of padding on every side, over maps that TMA reads and
/// writes.
template <class Convolution>
bool is_conv3x3(const Convolution& conv) {
  const Shape &w = conv.weight.shape, &x = conv.x.shape, &y = conv.y.shape;
  for (const std::size_t axis : {0, 1}) {
    if (w[2 + axis] != 3 || conv.dilation[axis] != 1 || conv.pad[axis] != 1 || conv.pad[2 + axis] != 1)
      return false;
    if (y[2 + axis] != (x[2 + axis] - 1) / conv.stride[axis] + 1) return false;
  }
  if (is_half_resolution(conv.residual, conv.y)) return false;
  return in_tma_vectors(conv.x) && in_tma_vectors(conv.y) && in_tma_vectors(conv.residual);
}

}  // namespace peregrine::cuda::tiles
