// Descriptions of tensors for TMA, made on the host.
#pragma once

#include <cudaTypedefs.h>

#include <algorithm>
#include <array>

#include "cuda/runtime.h"
#include "engine/cuda/kernels/cutlass/implicit_gemm.h"
#include "peregrine/error.h"

namespace peregrine::cuda::tiles {

inline PFN_cuTensorMapEncodeTiled_v12000 tensor_map_encoder() {
  static const auto encoder = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    check(
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result),
        "cudaGetDriverEntryPointByVersion");
    return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(found);
  }();
  return encoder;
}

/// As wgmma has it for rows of 64, 32 or 16 elements.
constexpr CUtensorMapSwizzle swizzle_of(int row) {
  return row == 64   ? CU_TENSOR_MAP_SWIZZLE_128B
         : row == 32 ? CU_TENSOR_MAP_SWIZZLE_64B
                     : CU_TENSOR_MAP_SWIZZLE_32B;
}

/// A tensor as TMA sees it, innermost extent first; strides of the others in elements. Beyond the extents a
/// load gives zeros and a store writes nothing.
template <std::size_t rank>
CUtensorMap tensor_map(const __half* data, const std::array<std::int64_t, rank>& extents,
                       const std::array<std::int64_t, rank - 1>& strides, const std::array<int, rank>& box,
                       CUtensorMapSwizzle swizzle) {
  std::array<cuuint64_t, rank> sizes;
  std::array<cuuint64_t, rank - 1> bytes;
  std::array<cuuint32_t, rank> boxes, every;
  std::ranges::transform(extents, sizes.begin(), [](std::int64_t v) { return static_cast<cuuint64_t>(v); });
  std::ranges::transform(strides, bytes.begin(),
                         [](std::int64_t v) { return static_cast<cuuint64_t>(v) * sizeof(__half); });
  std::ranges::transform(box, boxes.begin(), [](int v) { return static_cast<cuuint32_t>(v); });
  every.fill(1);
  CUtensorMap map;
  const CUresult result = tensor_map_encoder()(
      &map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, rank, const_cast<__half*>(data), sizes.data(), bytes.data(),
      boxes.data(), every.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
      CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) throw Error("engine.kernel", "The driver refused a tensor map.");
  return map;
}

/// Of a map, with strides of image, row and pixel.
inline CUtensorMap tensor_map(const __half* data, const Extents& map,
                              const std::array<std::int64_t, 3>& strides, const std::array<int, 4>& box,
                              CUtensorMapSwizzle swizzle) {
  return tensor_map<4>(data, {map.c, map.w, map.h, map.n}, {strides[2], strides[1], strides[0]}, box,
                       swizzle);
}

}  // namespace peregrine::cuda::tiles
