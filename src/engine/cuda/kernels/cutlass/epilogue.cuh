// The epilogue of all CUTLASS kernels here: bias, activation and residual in FP32 with the arithmetic of our
// own kernels, so that they agree; y and the residual pass through shared memory by TMA.
#pragma once

#include "cutlass/arch/grid_dependency_control.h"
#include "cutlass/device_kernel.h"
#include "cutlass/epilogue/collective/collective_builder.hpp"
#include "cutlass/epilogue/fusion/sm90_callbacks_tma_warpspecialized.hpp"
#include "engine/cuda/kernels/activation.cuh"
#include "engine/cuda/kernels/cutlass/gemm.h"
#include "engine/cuda/kernels/cutlass/half_resolution_residual.cuh"
#include "engine/cuda/kernels/launch.cuh"
#include "peregrine/error.h"

namespace peregrine::cuda::tiles {

using Half = cutlass::half_t;

static_assert(cutlass::arch::kTriggersAtCompletion, "CUTLASS's kernels are compiled with overlay/");

struct ActivationParams {
  Activation activation;
  ResidualPlace residual_place;
};

/// CUTLASS calls them with vectors: sums, biases, residual.
template <class T>
struct BiasActivation {
  using Arguments = ActivationParams;
};

template <int width>
struct BiasActivation<cutlass::Array<float, width>> {
  using Vector = cutlass::Array<float, width>;

  CUTLASS_DEVICE Vector operator()(const Vector& sum, const Vector& bias,
                                   const ActivationParams& params) const {
    float values[width];
    CUTLASS_PRAGMA_UNROLL
    for (int i = 0; i < width; ++i) values[i] = sum[i] + bias[i];
    device::activate(values, params.activation);
    Vector result;
    CUTLASS_PRAGMA_UNROLL
    for (int i = 0; i < width; ++i) result[i] = values[i];
    return result;
  }
};

template <class T>
struct BiasActivationResidual {
  using Arguments = ActivationParams;
};

template <int width>
struct BiasActivationResidual<cutlass::Array<float, width>> {
  using Vector = cutlass::Array<float, width>;

  CUTLASS_DEVICE Vector operator()(const Vector& sum, const Vector& bias, const Vector& residual,
                                   const ActivationParams& params) const {
    const bool before = params.residual_place == ResidualPlace::before_activation;
    float values[width];
    CUTLASS_PRAGMA_UNROLL
    for (int i = 0; i < width; ++i) values[i] = sum[i] + bias[i] + (before ? residual[i] : 0.0f);
    device::activate(values, params.activation);
    Vector result;
    CUTLASS_PRAGMA_UNROLL
    for (int i = 0; i < width; ++i) result[i] = values[i] + (before ? 0.0f : residual[i]);
    return result;
  }
};

/// What an epilogue adds. A map costs shared memory for its tiles, so that each is a kernel of its own.
enum class ResidualKind { none, full, half_resolution };

/// CUTLASS's epilogue for a tile.
template <class TileShape, class Schedule, class Layout, ResidualKind residual_kind>
struct Epilogue {
  static constexpr auto nearest = cutlass::FloatRoundStyle::round_to_nearest;
  using Bias = cutlass::epilogue::fusion::Sm90RowBroadcast<0, TileShape, float>;
  using Sum = cutlass::epilogue::fusion::Sm90AccFetch;
  using Plain = cutlass::epilogue::fusion::Sm90EVT<
      cutlass::epilogue::fusion::Sm90Compute<BiasActivation, Half, float, nearest>, Sum, Bias>;
  using Residual = cute::conditional_t<residual_kind == ResidualKind::full,
                                       cutlass::epilogue::fusion::Sm90SrcFetch<Half>, HalfResolutionResidual>;
  using WithResidual = cutlass::epilogue::fusion::Sm90EVT<
      cutlass::epilogue::fusion::Sm90Compute<BiasActivationResidual, Half, float, nearest>, Sum, Bias,
      Residual>;
  using Fusion = cute::conditional_t<residual_kind == ResidualKind::none, Plain, WithResidual>;
  using Source = cute::conditional_t<residual_kind == ResidualKind::full, Half, void>;
  using Collective = typename cutlass::epilogue::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, TileShape,
      cute::Shape<cute::_1, cute::_1, cute::_1>, cutlass::epilogue::collective::EpilogueTileAuto, float,
      float, Source, Layout, 8, Half, Layout, 8, Schedule, Fusion>::CollectiveOp;

  static typename Fusion::Arguments arguments(const EpilogueParams& epilogue) {
    const ActivationParams params{epilogue.activation, epilogue.residual_place};
    if constexpr (residual_kind == ResidualKind::full)
      return {{}, {epilogue.bias}, {}, params};
    else if constexpr (residual_kind == ResidualKind::half_resolution)
      return {{},
              {epilogue.bias},
              {reinterpret_cast<const Half*>(epilogue.residual), epilogue.residual_stride,
               cutlass::FastDivmod(epilogue.half_of)},
              params};
    else
      return {{}, {epilogue.bias}, params};
  }
};

/// Launches a CUTLASS kernel whose parameters are ready.
template <class Kernel>
void launch_kernel(const typename Kernel::Params& parameters, const LaunchContext& context) {
  const auto kernel = cutlass::device_kernel<Kernel>;
  constexpr int shared_bytes = Kernel::SharedStorageSize;
  if constexpr (shared_bytes > 48 * 1024)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes),
          "cudaFuncSetAttribute");
  device::launch_with_pdl(context, "cutlass_gemm", kernel, Kernel::get_grid_shape(parameters),
                          static_cast<int>(Kernel::get_block_shape().x), shared_bytes, parameters);
}

}  // namespace peregrine::cuda::tiles
