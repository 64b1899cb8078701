// Implicit GEMM: TMA gathers the pixels under a tap of the window, one warp fetches, four compute. CUTLASS
// has no persistent schedule for it on Hopper; few stages let several blocks of a multiprocessor overlap
// instead.
#pragma once

#include "cute/tensor.hpp"
// Before what follows, whose headers do not include it.
#include "cutlass/gemm/kernel/gemm_universal.hpp"
// Likewise.
#include "cutlass/conv/collective/collective_builder.hpp"
#include "cutlass/conv/convnd_problem_shape.hpp"
#include "engine/cuda/kernels/cutlass/epilogue.cuh"
#include "engine/cuda/kernels/cutlass/implicit_gemm.h"

namespace peregrine::cuda::tiles {

template <int rows, int columns, int depth, int stages, ResidualKind residual_kind>
struct ImplicitGemmKernel {
  using TileShape = cute::Shape<cute::Int<rows>, cute::Int<columns>, cute::Shape<cute::Int<depth>>>;
  using Nhwc = cutlass::layout::TensorNHWC;
  using Tail = Epilogue<TileShape, cutlass::epilogue::TmaWarpSpecialized, Nhwc, residual_kind>;
  using Mainloop = typename cutlass::conv::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, cutlass::conv::Operator::kFprop, Half, Nhwc, 8,
      Half, Nhwc, 8, float, TileShape, cute::Shape<cute::_1, cute::_1, cute::_1>,
      cutlass::conv::collective::StageCount<stages>,
      cutlass::conv::KernelImplicitTmaWarpSpecializedSm90>::CollectiveOp;
  using Problem = cutlass::conv::ConvProblemShape<cutlass::conv::Operator::kFprop, 2>;
  using Kernel = cutlass::gemm::kernel::GemmUniversal<Problem, Mainloop, typename Tail::Collective>;
  using Stride = typename Tail::Collective::StrideD;

  static Problem problem_of(const ConvProblem& w) {
    const auto pair = [](const std::array<int, 2>& v) { return typename Problem::SpatialExtent{v[0], v[1]}; };
    const Extents &x = w.from, &y = w.to;
    const std::int64_t tap = x.c, line = w.kernel[1] * tap;
    return Problem(cutlass::conv::Mode::kCrossCorrelation, {x.n, x.h, x.w, x.c}, {x.image, x.row, x.pixel, 1},
                   {y.c, w.kernel[0], w.kernel[1], x.c}, {w.kernel[0] * line, line, tap, 1},
                   {y.image, y.row, y.pixel, 1}, pair(w.pad_before), pair(w.pad_after), pair(w.stride),
                   pair(w.dilation), 1);
  }

  static Stride stride_of(std::int64_t image, std::int64_t row, std::int64_t pixel) {
    Stride stride{};
    cute::get<0, 0>(stride) = pixel, cute::get<0, 1>(stride) = row, cute::get<0, 2>(stride) = image;
    return stride;
  }

  static void launch(const ConvProblem& w, const LaunchContext& context) {
    const auto half = [](const __half* pointer) { return reinterpret_cast<const Half*>(pointer); };
    const auto& more = w.residual_strides;
    typename Kernel::Arguments arguments{
        cutlass::gemm::GemmUniversalMode::kGemm,
        problem_of(w),
        {half(w.x), half(w.weight)},
        {Tail::arguments(w.epilogue), half(w.epilogue.residual), stride_of(more[0], more[1], more[2]),
         reinterpret_cast<Half*>(w.y), stride_of(w.to.image, w.to.row, w.to.pixel)}};
    if (!Kernel::can_implement(arguments))
      throw Error("engine.kernel", "CUTLASS cannot run this convolution.");
    // This kernel executes no grid-dependency wait: it must not be a PDL secondary.
    launch_kernel<Kernel>(Kernel::to_underlying_arguments(arguments, nullptr), LaunchContext(context.stream));
  }
};

template <int rows, int columns, int depth, int stages>
void launch_implicit_gemm(const ConvProblem& w, const LaunchContext& context) {
  if (w.epilogue.residual)
    ImplicitGemmKernel<rows, columns, depth, stages, ResidualKind::full>::launch(w, context);
  else
    ImplicitGemmKernel<rows, columns, depth, stages, ResidualKind::none>::launch(w, context);
}

}  // namespace peregrine::cuda::tiles
