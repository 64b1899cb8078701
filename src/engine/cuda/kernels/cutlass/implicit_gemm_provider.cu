// Which steps CUTLASS's convolutions with a window serve.
#include <algorithm>

#include "engine/cuda/kernels/cutlass/implicit_gemm.h"
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/runtime/compute_90.h"

namespace peregrine::cuda {
namespace {

using namespace device;
using namespace tiles;

struct KernelInstance {
  int rows, columns, depth;
  ImplicitGemmLaunch launch;
};

/// The position in this list is the tactic's parameter: append, never reorder, or bump the plan's format.
/// Empty where the build is not for compute capability 9.0.
const std::vector<KernelInstance>& instances() {
  static const std::vector<KernelInstance> all {
#if PEREGRINE_CUTLASS
    {64, 32, 32, implicit_gemm_64x32x32}, {128, 32, 32, implicit_gemm_128x32x32},
        {64, 64, 64, implicit_gemm_64x64x64}, {128, 64, 64, implicit_gemm_128x64x64},
#endif
  };
  return all;
}

/// TMA keeps offsets in the window in a byte, and steps at most 8 pixels.
bool is_window(const Conv& conv) {
  const Shape &w = conv.weight.shape, &x = conv.x.shape, &y = conv.y.shape;
  if (conv.groups != 1 || w[2] * w[3] == 1 || x[1] < 16 || is_half_resolution(conv.residual, conv.y))
    return false;
  for (const std::size_t axis : {0, 1}) {
    const std::int64_t reach = conv.dilation[axis] * (w[2 + axis] - 1),
                       pads = conv.pad[axis] + conv.pad[2 + axis];
    if (reach > 16 || conv.stride[axis] > 8 || conv.pad[axis] > reach || conv.pad[2 + axis] > reach)
      return false;
    if ((x[2 + axis] + pads - reach - 1) / conv.stride[axis] + 1 != y[2 + axis]) return false;
  }
  return in_tma_vectors(conv.x) && in_tma_vectors(conv.y) && in_tma_vectors(conv.residual);
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (!conv || !has_90a(target.device) || !is_window(*conv)) return {};
  const std::int64_t columns = conv->y.shape[1],
                     pixels = conv->y.shape[0] * conv->y.shape[2] * conv->y.shape[3];
  const std::int64_t channels = conv->x.shape[1];
  std::vector<Tactic> tactics;
  for (std::size_t i = 0; i < instances().size(); ++i) {
    const KernelInstance& v = instances()[i];
    const bool wasteful = v.columns >= 2 * std::max<std::int64_t>(columns, 32) ||
                          v.rows >= 2 * std::max<std::int64_t>(pixels, 64);
    const bool pads_channels = v.depth > 32 && channels <= 32;
    if (!wasteful && !pads_channels) tactics.push_back(make_tactic({static_cast<std::int64_t>(i)}));
  }
  return tactics;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target&) {
  const auto index = static_cast<std::size_t>(tactic.parameters.at(0));
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (index >= instances().size() || !conv || !is_window(*conv))
    throw Error("engine.kernel", "There is no such CUTLASS kernel in this build.");
  return [launch = instances()[index].launch, conv = *conv](const Memory& memory, std::byte*,
                                                            const LaunchContext& context) {
    launch(conv_problem_of(conv, memory), context);
  };
}

}  // namespace

const KernelProvider cutlass_implicit_gemm_provider{"cutlass_implicit_gemm", enumerate_tactics, instantiate};

}  // namespace peregrine::cuda
