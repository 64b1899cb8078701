// What kernels share: tensors as they see them, vectors of 16 bytes, conversions and activations. All
// arithmetic FP32.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>
#include <stdexcept>

#include "cuda/runtime.h"
#include "engine/cuda/kernels/activation.cuh"
#include "engine/cuda/kernels/half_resolution.h"
#include "engine/cuda/kernels/launch.cuh"
#include "engine/cuda/runtime/kernel.h"
#include "peregrine/error.h"

namespace peregrine::cuda::device {

/// A channels-last map: pixel (n, h, w) starts at data + n*sn + h*sh + w*sw, its channels lie side by side.
template <class T>
struct Map {
  T* data = nullptr;
  int n = 0, c = 0, h = 0, w = 0;
  std::int64_t sn = 0;
  int sh = 0, sw = 0;
  bool even =
      false;  ///< all pixels lie sw apart, across rows and images too: no division to find one by its number

  __device__ T* pixel(int in, int ih, int iw) const {
    return data + in * sn + std::int64_t{ih} * sh + std::int64_t{iw} * sw;
  }
  /// By number in reading order.
  __device__ T* pixel(int index) const {
    if (even) return data + std::int64_t{index} * sw;
    return pixel(index / (w * h), index / w % h, index % w);
  }
};

/// Where a thread of a kernel over a map stands: at a pixel, and at the first of its neighbouring channels.
struct NhwcIndex {
  int n, h, w, channel;
};

/// The threads that cover a map when each has V neighbouring channels of one pixel.
template <int V, class T>
__device__ __forceinline__ std::int64_t nhwc_threads(const Map<T>& map) {
  return std::int64_t{map.c / V} * map.w * map.h * map.n;
}

/// What thread `index` of these has: channels vary fastest, then columns, rows and images.
template <int V, class T>
__device__ __forceinline__ NhwcIndex nhwc_index(std::int64_t index, const Map<T>& map) {
  const int vectors = map.c / V;
  const int channel = static_cast<int>(index % vectors) * V;
  index /= vectors;
  const int w = static_cast<int>(index % map.w), h = static_cast<int>(index / map.w % map.h);
  const int n = static_cast<int>(index / map.w / map.h);
  return {n, h, w, channel};
}

template <class T>
Map<T> map_of(const TensorRef& tensor, const Memory& memory) {
  if (!tensor) return {};
  const auto &shape = tensor.shape, &strides = tensor.strides;
  return {reinterpret_cast<T*>(memory.at(tensor)),
          static_cast<int>(shape[0]),
          static_cast<int>(shape[1]),
          static_cast<int>(shape[2]),
          static_cast<int>(shape[3]),
          strides[0],
          static_cast<int>(strides[2]),
          static_cast<int>(strides[3]),
          strides[2] == shape[3] * strides[3] && strides[0] == shape[2] * strides[2]};
}

/// What is added to a map: pixel by pixel, or each of its pixels to 2x2.
template <class T>
struct Residual {
  Map<const T> map;
  int halvings = 0;  ///< 1 where the map has half the height and width

  __device__ explicit operator bool() const { return map.data; }
  __device__ const T* pixel(int n, int h, int w) const { return map.pixel(n, h >> halvings, w >> halvings); }
  /// By number in the reading order of the map that it is added to.
  __device__ const T* pixel_of(int index, int width) const {
    return map.pixel(halvings == 0 ? index : half_pixel(index, index / width, width));
  }
};

template <class T>
Residual<T> residual_of(const Conv& conv, const Memory& memory) {
  return {map_of<const T>(conv.residual, memory), is_half_resolution(conv.residual, conv.y) ? 1 : 0};
}

template <class T>
T* pointer_to(const TensorRef& tensor, const Memory& memory) {
  return reinterpret_cast<T*>(memory.at(tensor));
}

/// Whether every pixel of the map can be read in vectors of `width` elements.
inline bool in_vectors_of(const TensorRef& map, int width) {
  if (!map) return true;
  bool fits = map.offset % width == 0 && map.shape[1] % width == 0;
  for (const std::size_t axis : {0, 2, 3})
    fits = fits && (map.shape[axis] == 1 || map.strides[axis] % width == 0);
  return fits;
}

template <class T>
inline constexpr int vector_width = 16 / static_cast<int>(sizeof(T));

template <class T, int V>
struct alignas(sizeof(T) * V) Vector {
  T v[V];
};

__device__ __forceinline__ float to_f32(float x) { return x; }
__device__ __forceinline__ float to_f32(__half x) { return __half2float(x); }
template <class T>
__device__ __forceinline__ T from_f32(float x);
template <>
__device__ __forceinline__ float from_f32<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __half from_f32<__half>(float x) {
  return __float2half_rn(x);
}

template <class T, int V>
__device__ __forceinline__ void load(float (&to)[V], const T* from) {
  const auto vector = *reinterpret_cast<const Vector<T, V>*>(from);
#pragma unroll
  for (int i = 0; i < V; ++i) to[i] = to_f32(vector.v[i]);
}

template <class T, int V>
__device__ __forceinline__ void store(T* to, const float (&from)[V]) {
  Vector<T, V> vector;
#pragma unroll
  for (int i = 0; i < V; ++i) vector.v[i] = from_f32<T>(from[i]);
  *reinterpret_cast<Vector<T, V>*>(to) = vector;
}

/// Activation and residual in the order that a step asks for.
template <int V>
__device__ __forceinline__ void finish(float (&sum)[V], const float (&residual)[V], Activation activation,
                                       ResidualPlace place) {
  const auto add = [&] {
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += residual[i];
  };
  if (place == ResidualPlace::before_activation) add();
  activate(sum, activation);
  if (place == ResidualPlace::after_activation) add();
}

/// A residual of null is none.
template <class T, int V>
__device__ __forceinline__ void finish(float (&sum)[V], const T* residual, Activation activation,
                                       ResidualPlace place) {
  if (!residual) return activate(sum, activation);
  float more[V];
  load<T, V>(more, residual);
  finish(sum, more, activation, place);
}

constexpr int divide_up(std::int64_t a, std::int64_t b) { return static_cast<int>((a + b - 1) / b); }

/// Calls f.operator()<T>() for the element type of a plan's feature maps.
template <class F>
auto with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f16: return f.template operator()<__half>();
    case DType::f32: return f.template operator()<float>();
    default: throw Error("engine.kernel", std::string("No kernel for ") + to_string(dtype) + ".");
  }
}

}  // namespace peregrine::cuda::device
