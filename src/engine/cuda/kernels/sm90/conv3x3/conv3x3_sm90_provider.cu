// Which steps the convolutions over tiles with a halo serve.
#include <algorithm>
#include <array>

#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/kernels/sm90/conv3x3.h"
#include "engine/cuda/kernels/sm90/conv3x3/conv3x3_sm90.h"
#include "engine/cuda/kernels/sm90/tiles.h"
#include "engine/cuda/runtime/compute_90.h"

namespace peregrine::cuda {
namespace {

using namespace device;
using namespace tiles;

constexpr int most_blocks = 4;

/// Those that fetch as many channels at once as divide the channels of x, or 16 and zeros beyond. None where
/// the build is not for compute capability 9.0.
std::span<const Conv3x3Tile> tiles_for([[maybe_unused]] std::int64_t channels) {
#if PEREGRINE_CUTLASS
  if (channels % 64 == 0) return conv3x3_tiles_64();
  if (channels % 32 == 0) return conv3x3_tiles_32();
  return conv3x3_tiles_16();
#else
  return {};
#endif
}

bool serves(const Conv& conv) {
  const Shape& x = conv.x.shape;
  return conv.groups == 1 && conv.stride[0] == conv.stride[1] && x[2] >= 2 && x[3] >= 2 && is_conv3x3(conv);
}

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (!conv || !has_90a(target.device) || !serves(*conv)) return {};
  const Shape& y = conv->y.shape;
  const auto channels = static_cast<int>(conv->x.shape[1]);
  const std::int64_t tiles = y[0] * divide_up(y[2], edge) * divide_up(y[3], edge);
  std::vector<Tactic> tactics;
  for (const Conv3x3Tile& tile : tiles_for(channels)) {
    if (tile.stride != conv->stride[0]) continue;
    const std::int64_t splits = divide_up(y[1], tile.tile_n), multiprocessors = target.device.multiprocessors;
    const bool wasteful = tile.tile_n >= 2 * std::max<std::int64_t>(y[1], 16);
    const bool too_fine = tile.tile_n < 32 && splits > 1 && tiles > multiprocessors && channels <= 128;
    for (int blocks = 1; blocks <= most_blocks && !wasteful && !too_fine; ++blocks) {
      const bool idle = (blocks - 1) * multiprocessors >= tiles * splits * tile.split;
      if (!idle && tile.fits(channels, blocks))
        tactics.push_back(make_tactic({tile.tile_k, tile.tile_n, tile.consumers, tile.split, blocks}));
    }
  }
  return tactics;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target& target) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  const auto& wanted = tactic.parameters;
  if (conv && wanted.size() == 5 && serves(*conv))
    for (const Conv3x3Tile& tile : tiles_for(conv->x.shape[1])) {
      const auto blocks = static_cast<int>(wanted[4]);
      const std::array<std::int64_t, 4> is{tile.tile_k, tile.tile_n, tile.consumers, tile.split};
      if (tile.stride != conv->stride[0] || !std::equal(is.begin(), is.end(), wanted.begin())) continue;
      if (blocks < 1 || blocks > most_blocks || !tile.fits(static_cast<int>(conv->x.shape[1]), blocks))
        continue;
      return [launch = tile.launch, multiprocessors = target.device.multiprocessors, blocks, conv = *conv](
                 const Memory& memory, std::byte*, const LaunchContext& context) {
        launch(conv_problem_of(conv, memory), multiprocessors, blocks, context);
      };
    }
  throw Error("engine.kernel", "There is no such kernel for a tile with its halo in this build.");
}

}  // namespace

const KernelProvider conv3x3_sm90_provider{"conv3x3_sm90", enumerate_tactics, instantiate,
                                           PdlMode::secondary};

}  // namespace peregrine::cuda
