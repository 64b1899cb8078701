// Which steps CUTLASS's convolutions with a window serve.
#include <algorithm>

#include "engine/cuda/compute_90.h"
#include "engine/cuda/cutlass/window.h"
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/families.h"

namespace peregrine::cuda {
namespace {

using namespace device;
using namespace tiles;

struct Variant {
  int rows, columns, depth;
  WindowLaunch launch;
};

/// The position in this list is the choice's parameter: append, never reorder, or bump the plan's format. Empty where the
/// build is not for compute capability 9.0.
const std::vector<Variant>& variants() {
  static const std::vector<Variant> all {
#if PEREGRINE_CUTLASS
    {64, 32, 32, window_64x32x32}, {128, 32, 32, window_128x32x32}, {64, 64, 64, window_64x64x64},
        {128, 64, 64, window_128x64x64},
#endif
  };
  return all;
}

/// TMA keeps offsets in the window in a byte, and steps at most 8 pixels.
bool is_window(const Conv& conv) {
  const Shape &w = conv.weight.shape, &x = conv.x.shape, &y = conv.y.shape;
  if (conv.groups != 1 || w[2] * w[3] == 1 || x[1] < 16 || is_half(conv.residual, conv.y)) return false;
  for (const std::size_t axis : {0, 1}) {
    const std::int64_t reach = conv.dilation[axis] * (w[2 + axis] - 1), pads = conv.pad[axis] + conv.pad[2 + axis];
    if (reach > 16 || conv.stride[axis] > 8 || conv.pad[axis] > reach || conv.pad[2 + axis] > reach) return false;
    if ((x[2 + axis] + pads - reach - 1) / conv.stride[axis] + 1 != y[2 + axis]) return false;
  }
  return in_tma_vectors(conv.x) && in_tma_vectors(conv.y) && in_tma_vectors(conv.residual);
}

std::vector<Choice> list(const Step& step, const Target& target) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (!conv || !has_90a(target.device) || !is_window(*conv)) return {};
  const std::int64_t columns = conv->y.shape[1], pixels = conv->y.shape[0] * conv->y.shape[2] * conv->y.shape[3];
  const std::int64_t channels = conv->x.shape[1];
  std::vector<Choice> choices;
  for (std::size_t i = 0; i < variants().size(); ++i) {
    const Variant& v = variants()[i];
    const bool wasteful =
        v.columns >= 2 * std::max<std::int64_t>(columns, 32) || v.rows >= 2 * std::max<std::int64_t>(pixels, 64);
    const bool pads_channels = v.depth > 32 && channels <= 32;
    if (!wasteful && !pads_channels) choices.push_back(variant({static_cast<std::int64_t>(i)}));
  }
  return choices;
}

Launch make(const Step& step, Choice& choice, const Target&) {
  const auto index = static_cast<std::size_t>(choice.parameters.at(0));
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (index >= variants().size() || !conv || !is_window(*conv))
    throw Error("engine.kernel", "There is no such CUTLASS kernel in this build.");
  return [launch = variants()[index].launch, conv = *conv](const Memory& memory, std::byte*, const Queue& queue) {
    launch(window_of(conv, memory), queue);
  };
}

}  // namespace

const KernelFamily cutlass_window_family{"cutlass_window", list, make};

}  // namespace peregrine::cuda
