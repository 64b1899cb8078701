// GEMM with TMA and wgmma: a warp fetches tiles, two groups of four warps compute. `Pingpong`: each group has
// a tile of its own, one computes while the other writes; otherwise both share one.
#pragma once

#include "engine/cuda/kernels/cutlass/epilogue.cuh"
// The parts of cutlass/gemm/collective and kernel that Hopper needs: all of them take a minute to read.
#include "cutlass/gemm/collective/builders/sm90_gmma_builder.inl"
#include "cutlass/gemm/collective/collective_mma_decl.hpp"
#include "cutlass/gemm/collective/sm90_mma_tma_gmma_ss_warpspecialized.hpp"
#include "cutlass/gemm/kernel/sm90_gemm_tma_warpspecialized_cooperative.hpp"
#include "cutlass/gemm/kernel/sm90_gemm_tma_warpspecialized_pingpong.hpp"

namespace peregrine::cuda::tiles {

using Pingpong = cutlass::gemm::KernelTmaWarpSpecializedPingpong;
using Cooperative = cutlass::gemm::KernelTmaWarpSpecializedCooperative;

template <int rows, int columns, class Schedule, ResidualKind residual_kind>
struct GemmKernel {
  static constexpr int depth = 64;  ///< 128 bytes: the widest swizzle
  using TileShape = cute::Shape<cute::Int<rows>, cute::Int<columns>, cute::Int<depth>>;
  using EpilogueSchedule =
      cute::conditional_t<cute::is_same_v<Schedule, Pingpong>, cutlass::epilogue::TmaWarpSpecialized,
                          cutlass::epilogue::TmaWarpSpecializedCooperative>;
  using RowMajor = cutlass::layout::RowMajor;
  using Tail = Epilogue<TileShape, EpilogueSchedule, RowMajor, residual_kind>;
  using Mainloop = typename cutlass::gemm::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, Half, RowMajor, 8, Half,
      cutlass::layout::ColumnMajor, 8, float, TileShape, cute::Shape<cute::_1, cute::_1, cute::_1>,
      cutlass::gemm::collective::StageCountAutoCarveout<static_cast<int>(
          sizeof(typename Tail::Collective::SharedStorage))>,
      Schedule>::CollectiveOp;
  using Kernel = cutlass::gemm::kernel::GemmUniversal<cute::Shape<int, int, int, int>, Mainloop,
                                                      typename Tail::Collective>;

  static void launch(const GemmProblem& p, int multiprocessors, const LaunchContext& context) {
    const auto half = [](const __half* pointer) { return reinterpret_cast<const Half*>(pointer); };
    typename Kernel::Arguments arguments{cutlass::gemm::GemmUniversalMode::kGemm,
                                         {p.pixels, p.columns, p.depth, 1},
                                         {half(p.x), {p.x_stride, {}, 0}, half(p.weight), {p.depth, {}, 0}},
                                         {Tail::arguments(p.epilogue),
                                          half(p.epilogue.residual),
                                          {p.epilogue.residual_stride, {}, 0},
                                          reinterpret_cast<Half*>(p.y),
                                          {p.y_stride, {}, 0}},
                                         {0, multiprocessors}};
    if (!Kernel::can_implement(arguments)) throw Error("engine.kernel", "CUTLASS cannot run this GEMM.");
    launch_kernel<Kernel>(Kernel::to_underlying_arguments(arguments, nullptr), context);
  }
};

template <int rows, int columns, class Schedule>
void launch_gemm(const GemmProblem& p, int multiprocessors, const LaunchContext& context) {
  if (p.epilogue.half_of)
    GemmKernel<rows, columns, Schedule, ResidualKind::half_resolution>::launch(p, multiprocessors, context);
  else if (p.epilogue.residual)
    GemmKernel<rows, columns, Schedule, ResidualKind::full>::launch(p, multiprocessors, context);
  else
    GemmKernel<rows, columns, Schedule, ResidualKind::none>::launch(p, multiprocessors, context);
}

}  // namespace peregrine::cuda::tiles
