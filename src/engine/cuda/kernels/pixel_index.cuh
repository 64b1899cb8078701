// Where a pixel of a map stands that is known by its number in reading order: rows of an implicit GEMM.
#pragma once

#include "engine/cuda/kernels/device.cuh"

namespace peregrine::cuda::device {

struct PixelIndex {
  int n, h, w;
};

template <class T>
__device__ __forceinline__ PixelIndex pixel_index(int index, const Map<T>& map) {
  const int w = index % map.w, h = index / map.w % map.h, n = index / (map.w * map.h);
  return {n, h, w};
}

}  // namespace peregrine::cuda::device
