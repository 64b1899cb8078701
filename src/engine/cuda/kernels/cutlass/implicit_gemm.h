// A convolution with a window as CUTLASS sees it; gemm.h says why there is no CUTLASS here.
#pragma once

#include <array>

#include "engine/cuda/kernels/cutlass/gemm.h"
#include "engine/cuda/runtime/kernel.h"

namespace peregrine::cuda::tiles {

/// Of a channels-last map, in elements.
struct Extents {
  int n = 0, h = 0, w = 0, c = 0;
  std::int64_t image = 0, row = 0, pixel = 0;
};

/// y = convolution of x with weight [y.c, kernel_h, kernel_w, x.c], dense; addresses and strides are
/// multiples of 16 bytes.
struct ConvProblem {
  const __half *x = nullptr, *weight = nullptr;
  __half* y = nullptr;
  Extents from, to;
  std::array<std::int64_t, 3> residual_strides{};  ///< image, row, pixel
  std::array<int, 2> kernel{}, stride{}, dilation{}, pad_before{}, pad_after{};
  EpilogueParams epilogue;  ///< without residual_stride
};

/// What TMA can read and write: vectors of 16 bytes, every stride a multiple of them, whatever the extent.
/// Absent ones too.
bool in_tma_vectors(const TensorRef& map);
/// Of a map that is.
Extents extents_of(const TensorRef& map);
/// Of a convolution without groups whose maps are `in_tma_vectors`.
ConvProblem conv_problem_of(const Conv& conv, const Memory& memory);

using ImplicitGemmLaunch = void (*)(const ConvProblem& problem, const LaunchContext& context);

// Tile of pixels x columns x channels of one tap; a file for every number of columns, for the compile time.
void implicit_gemm_64x32x32(const ConvProblem& problem, const LaunchContext& context);
void implicit_gemm_128x32x32(const ConvProblem& problem, const LaunchContext& context);
void implicit_gemm_64x64x64(const ConvProblem& problem, const LaunchContext& context);
void implicit_gemm_128x64x64(const ConvProblem& problem, const LaunchContext& context);

}  // namespace peregrine::cuda::tiles
