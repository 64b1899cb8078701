// The tile shapes of gemm_conv.cuh, and which steps they serve.
#include "engine/cuda/kernels/conv/gemm_conv.cuh"

#include "engine/cuda/kernels/providers.h"

namespace peregrine::cuda {
namespace {

using namespace gemm;

using Launcher = void (*)(const Arguments&, int transposed_taps, const LaunchContext&);

struct KernelInstance {
  int rows, columns, split;
  Launcher launch;
};

template <class T, int... splits>
void add(std::vector<KernelInstance>& instances) {
  (instances.push_back({T::rows, T::columns, splits, launch<T, splits>}), ...);
}

/// The position in this list is the tactic's parameter: append, never reorder, or bump the plan's format.
const std::vector<KernelInstance>& instances() {
  static const std::vector<KernelInstance> all = [] {
    std::vector<KernelInstance> list;
    add<Tile<128, 128, 32, 4, 2, 4>, 1>(list);
    add<Tile<128, 64, 32, 4, 2, 2>, 1>(list);
    add<Tile<64, 128, 32, 4, 2, 2>, 1>(list);
    add<Tile<64, 64, 32, 5, 2, 2>, 1>(list);
    add<Tile<64, 64, 64, 4, 2, 2>, 1, 2, 4>(list);
    add<Tile<64, 32, 64, 4, 2, 2>, 1, 2, 4>(list);
    add<Tile<32, 64, 64, 4, 2, 2>, 1, 2, 4>(list);
    add<Tile<32, 32, 64, 4, 2, 2>, 1, 2, 4, 8>(list);
    add<Tile<16, 64, 64, 5, 1, 4>, 1, 2, 4>(list);
    add<Tile<128, 32, 32, 4, 4, 1>, 1>(list);
    add<Tile<128, 16, 32, 4, 4, 1>, 1>(list);
    add<Tile<256, 64, 32, 3, 4, 2>, 1>(list);
    add<Tile<256, 32, 32, 3, 8, 1>, 1>(list);
    add<Tile<64, 16, 32, 4, 4, 1>, 1>(list);
    return list;
  }();
  return all;
}

bool serves_map(const TensorRef& map) {
  const std::int64_t span = map ? map.shape[0] * map.strides[0] + map.offset : 0;
  return in_vectors_of(map, 8) && span < (std::int64_t{1} << 31);
}

bool serves(const TensorRef& x, const TensorRef& y, const TensorRef& residual) {
  return x.dtype == DType::f16 && serves_map(x) && serves_map(y) && serves_map(residual);
}

int taps_of(const ConvTranspose& conv) {
  return static_cast<int>(conv.weight.shape[2] * conv.weight.shape[3]);
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  std::int64_t pixels = 0, columns = 0, depth = 0;
  if (const auto* conv = std::get_if<Conv>(&step.operation)) {
    if (conv->groups != 1 || !serves(conv->x, conv->y, conv->residual)) return {};
    pixels = conv->y.shape[0] * conv->y.shape[2] * conv->y.shape[3];
    columns = conv->y.shape[1];
    depth = conv->weight.shape.elements() / columns;
  } else if (const auto* transposed = std::get_if<ConvTranspose>(&step.operation)) {
    const bool doubles = transposed->weight.shape[2] == 2 && transposed->weight.shape[3] == 2;
    if (!doubles || !serves(transposed->x, transposed->y, {})) return {};
    pixels = transposed->x.shape[0] * transposed->x.shape[2] * transposed->x.shape[3];
    columns = transposed->y.shape[1];
    depth = transposed->x.shape[1];
  } else {
    return {};
  }
  std::vector<Tactic> tactics;
  for (std::size_t i = 0; i < instances().size(); ++i) {
    const KernelInstance& v = instances()[i];
    const std::int64_t blocks =
        divide_up(pixels, v.rows) * std::int64_t{divide_up(columns, v.columns)} * v.split;
    const bool wasteful = v.columns >= 2 * std::max<std::int64_t>(columns, 16) ||
                          v.rows >= 2 * std::max<std::int64_t>(pixels, 16);
    const bool idle_split = v.split > 1 && (target.device.major < 9 || depth < 128 * v.split ||
                                            blocks > 4 * target.device.multiprocessors);
    const bool too_fine = blocks > 64 * std::int64_t{target.device.multiprocessors} &&
                          v.rows * v.columns < 64 * 64 && v.columns < columns;
    if (!wasteful && !idle_split && !too_fine) tactics.push_back(make_tactic({static_cast<std::int64_t>(i)}));
  }
  return tactics;
}

Arguments arguments(const Conv& conv, const Memory& memory) {
  const auto extent = [](std::int64_t v) { return static_cast<int>(v); };
  Arguments a{};
  a.x = map_of<const __half>(conv.x, memory);
  a.residual = residual_of<__half>(conv, memory);
  a.y = map_of<__half>(conv.y, memory);
  a.weight = pointer_to<const __half>(conv.weight, memory);
  a.bias = pointer_to<const float>(conv.bias, memory);
  a.kernel_w = extent(conv.weight.shape[3]);
  a.stride_h = extent(conv.stride[0]), a.stride_w = extent(conv.stride[1]);
  a.dilation_h = extent(conv.dilation[0]), a.dilation_w = extent(conv.dilation[1]);
  a.pad_top = extent(conv.pad[0]), a.pad_left = extent(conv.pad[1]);
  a.vectors = extent(conv.weight.shape[2]) * a.kernel_w * a.x.c / 8;
  a.pixels = a.y.n * a.y.h * a.y.w;
  a.transposed_w = 1;
  a.activation = conv.activation, a.residual_place = conv.residual_place;
  return a;
}

/// Each tap is a 1x1 convolution onto every second pixel of every second row.
Arguments arguments(const ConvTranspose& conv, const Memory& memory) {
  Arguments a{};
  a.x = map_of<const __half>(conv.x, memory);
  a.y = map_of<__half>(conv.y, memory);
  a.y.h = a.x.h, a.y.w = a.x.w, a.y.sh *= 2, a.y.sw *= 2, a.y.even = false;
  a.weight = pointer_to<const __half>(conv.weight, memory);
  a.bias = pointer_to<const float>(conv.bias, memory);
  a.kernel_w = 1;
  a.stride_h = a.stride_w = a.dilation_h = a.dilation_w = 1;
  a.vectors = a.x.c / 8;
  a.pixels = a.y.n * a.y.h * a.y.w;
  a.transposed_w = 2;
  a.activation = conv.activation;
  return a;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target&) {
  const KernelInstance chosen = instances().at(static_cast<std::size_t>(tactic.parameters.at(0)));
  if (const auto* transposed = std::get_if<ConvTranspose>(&step.operation))
    return [chosen, conv = *transposed](const Memory& memory, std::byte*, const LaunchContext& context) {
      chosen.launch(arguments(conv, memory), taps_of(conv), context);
    };
  return [chosen, conv = std::get<Conv>(step.operation)](const Memory& memory, std::byte*,
                                                         const LaunchContext& context) {
    chosen.launch(arguments(conv, memory), 1, context);
  };
}

}  // namespace

const KernelProvider gemm_conv_provider{"gemm", enumerate_tactics, instantiate, PdlMode::secondary};

}  // namespace peregrine::cuda
