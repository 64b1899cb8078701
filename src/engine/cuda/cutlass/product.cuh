// Matrix product with TMA and wgmma: a warp fetches tiles, two groups of four warps compute. `Pingpong`: each group has a tile
// of its own, one computes while the other writes; otherwise both share one.
#pragma once

#include "engine/cuda/cutlass/ending.cuh"
// The parts of cutlass/gemm/collective and kernel that Hopper needs: all of them take a minute to read.
#include "cutlass/gemm/collective/builders/sm90_gmma_builder.inl"
#include "cutlass/gemm/collective/collective_mma_decl.hpp"
#include "cutlass/gemm/collective/sm90_mma_tma_gmma_ss_warpspecialized.hpp"
#include "cutlass/gemm/kernel/sm90_gemm_tma_warpspecialized_cooperative.hpp"
#include "cutlass/gemm/kernel/sm90_gemm_tma_warpspecialized_pingpong.hpp"

namespace peregrine::cuda::tiles {

using Pingpong = cutlass::gemm::KernelTmaWarpSpecializedPingpong;
using Cooperative = cutlass::gemm::KernelTmaWarpSpecializedCooperative;

template <int rows, int columns, class Schedule, Added added>
struct ProductKernel {
  static constexpr int depth = 64;  ///< 128 bytes: the widest swizzle
  using TileShape = cute::Shape<cute::Int<rows>, cute::Int<columns>, cute::Int<depth>>;
  using EpilogueSchedule = cute::conditional_t<cute::is_same_v<Schedule, Pingpong>, cutlass::epilogue::TmaWarpSpecialized,
                                               cutlass::epilogue::TmaWarpSpecializedCooperative>;
  using RowMajor = cutlass::layout::RowMajor;
  using Tail = Epilogue<TileShape, EpilogueSchedule, RowMajor, added>;
  using Mainloop = typename cutlass::gemm::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, Half, RowMajor, 8, Half, cutlass::layout::ColumnMajor, 8, float,
      TileShape, cute::Shape<cute::_1, cute::_1, cute::_1>,
      cutlass::gemm::collective::StageCountAutoCarveout<static_cast<int>(sizeof(typename Tail::Collective::SharedStorage))>,
      Schedule>::CollectiveOp;
  using Kernel = cutlass::gemm::kernel::GemmUniversal<cute::Shape<int, int, int, int>, Mainloop, typename Tail::Collective>;

  static void launch(const Product& p, int multiprocessors, const Queue& queue) {
    const auto half = [](const __half* pointer) { return reinterpret_cast<const Half*>(pointer); };
    typename Kernel::Arguments arguments{cutlass::gemm::GemmUniversalMode::kGemm,
                                         {p.pixels, p.columns, p.depth, 1},
                                         {half(p.x), {p.x_stride, {}, 0}, half(p.weight), {p.depth, {}, 0}},
                                         {Tail::arguments(p.ending),
                                          half(p.ending.residual),
                                          {p.ending.residual_stride, {}, 0},
                                          reinterpret_cast<Half*>(p.y),
                                          {p.y_stride, {}, 0}},
                                         {0, multiprocessors}};
    if (!Kernel::can_implement(arguments)) throw Error("engine.kernel", "CUTLASS cannot run this product.");
    launch_kernel<Kernel>(Kernel::to_underlying_arguments(arguments, nullptr), queue);
  }
};

template <int rows, int columns, class Schedule>
void launch_product(const Product& p, int multiprocessors, const Queue& queue) {
  if (p.ending.half_of)
    ProductKernel<rows, columns, Schedule, Added::half_map>::launch(p, multiprocessors, queue);
  else if (p.ending.residual)
    ProductKernel<rows, columns, Schedule, Added::map>::launch(p, multiprocessors, queue);
  else
    ProductKernel<rows, columns, Schedule, Added::nothing>::launch(p, multiprocessors, queue);
}

}  // namespace peregrine::cuda::tiles
