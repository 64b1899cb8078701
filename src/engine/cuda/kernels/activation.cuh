// Activations on the device, FP32.
#pragma once

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda::device {

/// 1 / (1 + 2^(-x log2 e)) from the hardware's approximations: both are good to 2 units in the last place,
/// and rounding x log2 e adds |x| 2^-24. Together below 2^-19 relative wherever FP16 can tell the result from
/// 0 or 1, a 250th of FP16's own rounding; an exact division would cost more than all the rest of an
/// epilogue. Beyond the range of the exponential it ends in exactly 0 or 1.
__device__ __forceinline__ float sigmoid(float x) {
  float power, result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x * -1.44269504f));
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(1.0f + power));
  return result;
}

__device__ __forceinline__ float activate(float x, Activation activation) {
  switch (activation) {
    case Activation::relu: return fmaxf(x, 0.0f);
    case Activation::silu: return x * sigmoid(x);
    case Activation::sigmoid: return sigmoid(x);
    default: return x;
  }
}

/// Which activation is asked once for all values.
template <int V>
__device__ __forceinline__ void activate(float (&values)[V], Activation activation) {
  const auto each = [&](auto function) {
#pragma unroll
    for (float& value : values) value = function(value);
  };
  switch (activation) {
    case Activation::relu: return each([](float x) { return fmaxf(x, 0.0f); });
    case Activation::silu: return each([](float x) { return x * sigmoid(x); });
    case Activation::sigmoid: return each([](float x) { return sigmoid(x); });
    default: return;
  }
}

}  // namespace peregrine::cuda::device
