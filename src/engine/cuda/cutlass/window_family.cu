// Which steps CUTLASS's convolutions with a window serve.
#include <algorithm>

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

/// TMA: 16-byte vectors, every stride a multiple of them, whatever the extent.
bool aligned(const TensorRef& map) {
  if (!map) return true;
  return map.dtype == DType::f16 && in_vectors_of(map, 8) && map.strides[0] % 8 == 0 && map.strides[2] % 8 == 0 &&
         map.strides[3] % 8 == 0;
}

/// TMA keeps offsets in the window in a byte, and steps at most 8 pixels.
bool is_window(const Conv& conv) {
  const Shape &w = conv.weight.shape, &x = conv.x.shape, &y = conv.y.shape;
  if (conv.groups != 1 || w[2] * w[3] == 1 || x[1] < 16) return false;
  for (const std::size_t axis : {0, 1}) {
    const std::int64_t reach = conv.dilation[axis] * (w[2 + axis] - 1), pads = conv.pad[axis] + conv.pad[2 + axis];
    if (reach > 16 || conv.stride[axis] > 8 || conv.pad[axis] > reach || conv.pad[2 + axis] > reach) return false;
    if ((x[2 + axis] + pads - reach - 1) / conv.stride[axis] + 1 != y[2 + axis]) return false;
  }
  return aligned(conv.x) && aligned(conv.y) && aligned(conv.residual);
}

std::vector<Choice> list(const Step& step, const Target& target) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (!conv || target.device.major != 9 || target.device.minor != 0 || !is_window(*conv)) return {};
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

Extents extents_of(const TensorRef& map) {
  const auto extent = [&](std::size_t axis) { return static_cast<int>(map.shape[axis]); };
  return {extent(0), extent(2), extent(3), extent(1), map.strides[0], map.strides[2], map.strides[3]};
}

Window window_of(const Conv& conv, const Memory& memory) {
  const auto pair = [](std::int64_t h, std::int64_t w) { return std::array{static_cast<int>(h), static_cast<int>(w)}; };
  Window window;
  window.x = pointer_to<const __half>(conv.x, memory);
  window.weight = pointer_to<const __half>(conv.weight, memory);
  window.y = pointer_to<__half>(conv.y, memory);
  window.from = extents_of(conv.x), window.to = extents_of(conv.y);
  if (conv.residual) window.residual_strides = {conv.residual.strides[0], conv.residual.strides[2], conv.residual.strides[3]};
  window.kernel = pair(conv.weight.shape[2], conv.weight.shape[3]);
  window.stride = pair(conv.stride[0], conv.stride[1]), window.dilation = pair(conv.dilation[0], conv.dilation[1]);
  window.pad_before = pair(conv.pad[0], conv.pad[1]), window.pad_after = pair(conv.pad[2], conv.pad[3]);
  window.ending = {.bias = pointer_to<const float>(conv.bias, memory),
                   .residual = pointer_to<const __half>(conv.residual, memory),
                   .residual_place = conv.residual_place,
                   .activation = conv.activation};
  return window;
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
