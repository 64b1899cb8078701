// A 1x1 convolution as CUTLASS sees it: one GEMM with an epilogue. No CUTLASS here: its headers stay in the
// files of the tiles, which are compiled for compute capability 9.0 alone.
#pragma once

#include <cuda_fp16.h>

#include "engine/cuda/plan/plan.h"
#include "engine/cuda/runtime/launch_context.h"

namespace peregrine::cuda::tiles {

/// What becomes of a sum.
struct EpilogueParams {
  const float* bias = nullptr;       ///< null: none
  const __half* residual = nullptr;  ///< null: none; may be y itself
  std::int64_t residual_stride = 0;  ///< elements between pixels
  int half_of = 0;                   ///< a residual of half the height and width: y's width; else 0
  ResidualPlace residual_place = ResidualPlace::after_activation;
  Activation activation = Activation::none;
};

/// y [pixels, columns] = x [pixels, depth] times weight [columns, depth] transposed; rows of x and y lie
/// `x_stride` and `y_stride` elements apart, all addresses and strides are multiples of 16 bytes.
struct GemmProblem {
  const __half *x = nullptr, *weight = nullptr;
  __half* y = nullptr;
  std::int64_t x_stride = 0, y_stride = 0;
  int pixels = 0, columns = 0, depth = 0;
  EpilogueParams epilogue;
};

/// A launch takes the number of multiprocessors: as many blocks share all the tiles.
using GemmLaunch = void (*)(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context);

// Tile of pixels x columns; one file each, for the compile time.
void gemm_64x32(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context);
void gemm_64x64(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context);
void gemm_64x128(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context);
void gemm_128x64(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context);
void gemm_128x128(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context);
void gemm_128x256(const GemmProblem& gemm, int multiprocessors, const LaunchContext& context);

}  // namespace peregrine::cuda::tiles
