// Which steps the convolutions over tiles with a ring serve.
#include <algorithm>
#include <array>

#include "engine/cuda/compute_90.h"
#include "engine/cuda/hopper/halo.h"
#include "engine/cuda/hopper/tiles.h"
#include "engine/cuda/hopper/window_of_three.h"
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/families.h"

namespace peregrine::cuda {
namespace {

using namespace device;
using namespace tiles;

constexpr int most_blocks = 4;

/// Those that fetch as many channels at once as divide the channels of x, or 16 and zeros beyond. None where the build is not for
/// compute capability 9.0.
std::span<const HaloTile> tiles_for([[maybe_unused]] std::int64_t channels) {
#if PEREGRINE_CUTLASS
  if (channels % 64 == 0) return halo_tiles_64();
  if (channels % 32 == 0) return halo_tiles_32();
  return halo_tiles_16();
#else
  return {};
#endif
}

bool serves(const Conv& conv) {
  const Shape& x = conv.x.shape;
  return conv.groups == 1 && conv.stride[0] == conv.stride[1] && x[2] >= 2 && x[3] >= 2 && is_window_of_three(conv);
}

std::vector<Choice> list(const Step& step, const Target& target) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  if (!conv || !has_90a(target.device) || !serves(*conv)) return {};
  const Shape& y = conv->y.shape;
  const auto channels = static_cast<int>(conv->x.shape[1]);
  const std::int64_t tiles = y[0] * divide_up(y[2], edge) * divide_up(y[3], edge);
  std::vector<Choice> choices;
  for (const HaloTile& tile : tiles_for(channels)) {
    if (tile.stride != conv->stride[0]) continue;
    const std::int64_t splits = divide_up(y[1], tile.columns), multiprocessors = target.device.multiprocessors;
    const bool wasteful = tile.columns >= 2 * std::max<std::int64_t>(y[1], 16);
    const bool too_fine = tile.columns < 32 && splits > 1 && tiles > multiprocessors && channels <= 128;
    for (int blocks = 1; blocks <= most_blocks && !wasteful && !too_fine; ++blocks) {
      const bool idle = (blocks - 1) * multiprocessors >= tiles * splits * tile.split;
      if (!idle && tile.fits(channels, blocks))
        choices.push_back(variant({tile.chunk, tile.columns, tile.consumers, tile.split, blocks}));
    }
  }
  return choices;
}

Launch make(const Step& step, Choice& choice, const Target& target) {
  const auto* conv = std::get_if<Conv>(&step.operation);
  const auto& wanted = choice.parameters;
  if (conv && wanted.size() == 5 && serves(*conv))
    for (const HaloTile& tile : tiles_for(conv->x.shape[1])) {
      const auto blocks = static_cast<int>(wanted[4]);
      const std::array<std::int64_t, 4> is{tile.chunk, tile.columns, tile.consumers, tile.split};
      if (tile.stride != conv->stride[0] || !std::equal(is.begin(), is.end(), wanted.begin())) continue;
      if (blocks < 1 || blocks > most_blocks || !tile.fits(static_cast<int>(conv->x.shape[1]), blocks)) continue;
      return [launch = tile.launch, multiprocessors = target.device.multiprocessors, blocks, conv = *conv](
                 const Memory& memory, std::byte*, const Queue& queue) {
        launch(window_of(conv, memory), multiprocessors, blocks, queue);
      };
    }
  throw Error("engine.kernel", "There is no such kernel for a tile with its ring in this build.");
}

}  // namespace

const KernelFamily halo_family{"halo", list, make, Start::early};

}  // namespace peregrine::cuda
