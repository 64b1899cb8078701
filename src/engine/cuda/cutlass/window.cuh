// Implicit matrix product: TMA gathers the pixels under a tap of the window, one warp fetches, four compute. CUTLASS has no
// persistent schedule for it on Hopper; few stages let several blocks of a multiprocessor overlap instead.
#pragma once

#include "cute/tensor.hpp"
// Before what follows, whose headers do not include it.
#include "cutlass/gemm/kernel/gemm_universal.hpp"
// Likewise.
#include "cutlass/conv/collective/collective_builder.hpp"
#include "cutlass/conv/convnd_problem_shape.hpp"
#include "engine/cuda/cutlass/ending.cuh"
#include "engine/cuda/cutlass/window.h"

namespace peregrine::cuda::tiles {

template <int rows, int columns, int depth, int stages, Added added>
struct WindowKernel {
  using TileShape = cute::Shape<cute::Int<rows>, cute::Int<columns>, cute::Shape<cute::Int<depth>>>;
  using Nhwc = cutlass::layout::TensorNHWC;
  using Tail = Epilogue<TileShape, cutlass::epilogue::TmaWarpSpecialized, Nhwc, added>;
  using Mainloop = typename cutlass::conv::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, cutlass::conv::Operator::kFprop, Half, Nhwc, 8, Half, Nhwc, 8, float,
      TileShape, cute::Shape<cute::_1, cute::_1, cute::_1>, cutlass::conv::collective::StageCount<stages>,
      cutlass::conv::KernelImplicitTmaWarpSpecializedSm90>::CollectiveOp;
  using Problem = cutlass::conv::ConvProblemShape<cutlass::conv::Operator::kFprop, 2>;
  using Kernel = cutlass::gemm::kernel::GemmUniversal<Problem, Mainloop, typename Tail::Collective>;
  using Stride = typename Tail::Collective::StrideD;

  static Problem problem_of(const Window& w) {
    const auto pair = [](const std::array<int, 2>& v) { return typename Problem::SpatialExtent{v[0], v[1]}; };
    const Extents &x = w.from, &y = w.to;
    const std::int64_t tap = x.c, line = w.kernel[1] * tap;
    return Problem(cutlass::conv::Mode::kCrossCorrelation, {x.n, x.h, x.w, x.c}, {x.picture, x.row, x.pixel, 1},
                   {y.c, w.kernel[0], w.kernel[1], x.c}, {w.kernel[0] * line, line, tap, 1}, {y.picture, y.row, y.pixel, 1},
                   pair(w.pad_before), pair(w.pad_after), pair(w.stride), pair(w.dilation), 1);
  }

  static Stride stride_of(std::int64_t picture, std::int64_t row, std::int64_t pixel) {
    Stride stride{};
    cute::get<0, 0>(stride) = pixel, cute::get<0, 1>(stride) = row, cute::get<0, 2>(stride) = picture;
    return stride;
  }

  static void launch(const Window& w, const Queue& queue) {
    const auto half = [](const __half* pointer) { return reinterpret_cast<const Half*>(pointer); };
    const auto& more = w.residual_strides;
    typename Kernel::Arguments arguments{
        cutlass::gemm::GemmUniversalMode::kGemm,
        problem_of(w),
        {half(w.x), half(w.weight)},
        {Tail::arguments(w.ending), half(w.ending.residual), stride_of(more[0], more[1], more[2]), reinterpret_cast<Half*>(w.y),
         stride_of(w.to.picture, w.to.row, w.to.pixel)}};
    if (!Kernel::can_implement(arguments)) throw Error("engine.kernel", "CUTLASS cannot run this convolution.");
    // This kernel does not wait for its predecessor: it must not start early.
    launch_kernel<Kernel>(Kernel::to_underlying_arguments(arguments, nullptr), Queue(queue.stream));
  }
};

template <int rows, int columns, int depth, int stages>
void launch_window(const Window& w, const Queue& queue) {
  if (w.ending.residual)
    WindowKernel<rows, columns, depth, stages, Added::map>::launch(w, queue);
  else
    WindowKernel<rows, columns, depth, stages, Added::nothing>::launch(w, queue);
}

}  // namespace peregrine::cuda::tiles
