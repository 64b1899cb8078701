// Numbers for the cases: the same on every machine. They use all the bits of FP32, so that an engine which
// rounds them (TF32, FP16) shows it.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace peregrine::conformance {

struct ValueRange {
  float low = -1, high = 1;
};

/// For divisors, variances and roots.
inline constexpr ValueRange positive{0.5f, 1.5f};

inline HostTensor random_tensor(const Shape& shape, std::uint32_t seed, ValueRange range = {}) {
  HostTensor tensor(DType::f32, shape);
  std::uint32_t state = seed * 2654435761u + 1u;
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator; its high bits are the good ones
    tensor.as<float>()[i] =
        range.low + (range.high - range.low) * static_cast<float>(state >> 8) / 16777216.0f;
  }
  return tensor;
}

}  // namespace peregrine::conformance
