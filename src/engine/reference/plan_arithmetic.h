// What the reference executor's step functions share. Tensors arrive dense and row-major in the step's
// logical shape.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/cuda/plan/tensor_views.h"

namespace peregrine::reference {

using Index = std::int64_t;
using Values = std::vector<float>;

inline std::size_t at(Index i) { return static_cast<std::size_t>(i); }

inline float activate(cuda::Activation activation, float x) {
  using cuda::Activation;
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return std::max(x, 0.0f);
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
  }
  return x;
}

/// [N,C,H,W] as [N,H,W,C] and back, for loops that run over channels innermost.
inline cuda::TensorRef pixels(const cuda::TensorRef& map) {
  return cuda::transposed(map, std::array<Index, 4>{0, 2, 3, 1});
}

}  // namespace peregrine::reference
