// Which 1x1 convolutions CUTLASS's GEMMs serve.
#include "engine/cuda/kernels/cutlass/gemm.h"
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/plan/pointwise_gemm.h"
#include "engine/cuda/runtime/compute_90.h"

namespace peregrine::cuda {
namespace {

using namespace device;
using namespace tiles;

struct KernelInstance {
  int rows, columns;
  GemmLaunch launch;
};

/// The position in this list is the tactic's parameter: append, never reorder, or bump the plan's format.
/// Empty where the build is not for compute capability 9.0.
const std::vector<KernelInstance>& instances() {
  static const std::vector<KernelInstance> all {
#if PEREGRINE_CUTLASS
    {64, 32, gemm_64x32}, {64, 64, gemm_64x64}, {64, 128, gemm_64x128}, {128, 64, gemm_128x64},
        {128, 128, gemm_128x128}, {128, 256, gemm_128x256},
#endif
  };
  return all;
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  if (!has_90a(target.device) || !std::holds_alternative<Conv>(step.operation)) return {};
  const auto gemm = as_pointwise_gemm(step.operation);
  if (!gemm) return {};
  const std::int64_t columns = gemm->y.columns, pixels = gemm->y.rows;
  std::vector<Tactic> tactics;
  for (std::size_t i = 0; i < instances().size(); ++i) {
    const KernelInstance& v = instances()[i];
    const bool wasteful = v.columns >= 2 * std::max<std::int64_t>(columns, 32) ||
                          v.rows >= 2 * std::max<std::int64_t>(pixels, 64);
    if (!wasteful) tactics.push_back(make_tactic({static_cast<std::int64_t>(i)}));
  }
  return tactics;
}

GemmProblem gemm_problem_of(const Conv& conv, const PointwiseGemm& shape, const Memory& memory) {
  GemmProblem p;
  p.x = pointer_to<const __half>(conv.x, memory);
  p.weight = pointer_to<const __half>(conv.weight, memory);
  p.y = pointer_to<__half>(conv.y, memory);
  p.x_stride = shape.x.stride, p.y_stride = shape.y.stride;
  p.pixels = static_cast<int>(shape.y.rows);
  p.columns = static_cast<int>(shape.y.columns), p.depth = static_cast<int>(shape.x.columns);
  p.epilogue = {.bias = pointer_to<const float>(conv.bias, memory),
                .residual = pointer_to<const __half>(conv.residual, memory),
                .residual_stride = shape.residual ? shape.residual->stride : 0,
                .half_of = is_half_resolution(conv.residual, conv.y) ? static_cast<int>(conv.y.shape[3]) : 0,
                .residual_place = conv.residual_place,
                .activation = conv.activation};
  return p;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target& target) {
  const auto index = static_cast<std::size_t>(tactic.parameters.at(0));
  const auto gemm = as_pointwise_gemm(step.operation);
  if (index >= instances().size() || !gemm)
    throw Error("engine.kernel", "There is no such CUTLASS kernel in this build.");
  return [launch = instances()[index].launch, conv = std::get<Conv>(step.operation), gemm = *gemm,
          multiprocessors = target.device.multiprocessors](const Memory& memory, std::byte*,
                                                           const LaunchContext& context) {
    launch(gemm_problem_of(conv, gemm, memory), multiprocessors, context);
  };
}

}  // namespace

const KernelProvider cutlass_gemm_provider{"cutlass_gemm", enumerate_tactics, instantiate,
                                           PdlMode::secondary};

}  // namespace peregrine::cuda
