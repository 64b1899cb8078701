// Which pairs of a depthwise and a 1x1 convolution run as one kernel.
#include "engine/cuda/compute_90.h"
#include "engine/cuda/cutlass/window.h"
#include "engine/cuda/hopper/separable.h"
#include "engine/cuda/hopper/tiles.h"
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/families.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

using namespace tiles;

constexpr int most_blocks = 2;

/// None where the build is not for compute capability 9.0.
std::vector<SeparableTile> tiles_for([[maybe_unused]] const Separable& step) {
  std::vector<SeparableTile> all;
#if PEREGRINE_CUTLASS
  for (const SeparableTile& tile : separable_tiles())
    if (step.y.shape[1] % tile.columns == 0) all.push_back(tile);
#endif
  return all;
}

bool serves(const Separable& step) { return in_tma_vectors(step.x) && in_tma_vectors(step.y); }

std::vector<Choice> list(const Step& step, const Target& target) {
  const auto* pair = std::get_if<Separable>(&step.operation);
  if (!pair || !has_90a(target.device) || !serves(*pair)) return {};
  const Shape& y = pair->y.shape;
  const std::int64_t tiles = y[0] * device::divide_up(y[2], edge) * device::divide_up(y[3], edge);
  std::vector<Choice> choices;
  for (const SeparableTile& tile : tiles_for(*pair)) {
    const std::int64_t all = tiles * (y[1] / tile.columns), multiprocessors = target.device.multiprocessors;
    for (int blocks = 1; blocks <= most_blocks; ++blocks)
      if ((blocks - 1) * multiprocessors < all && tile.fits(static_cast<int>(pair->x.shape[1]), blocks))
        choices.push_back(variant({tile.columns, tile.consumers, blocks}));
  }
  return choices;
}

Launch make(const Step& step, Choice& choice, const Target& target) {
  const auto* pair = std::get_if<Separable>(&step.operation);
  const auto& wanted = choice.parameters;
  if (pair && wanted.size() == 3 && wanted[2] >= 1 && wanted[2] <= most_blocks && serves(*pair))
    for (const SeparableTile& tile : tiles_for(*pair)) {
      const auto blocks = static_cast<int>(wanted[2]);
      if (wanted[0] != tile.columns || wanted[1] != tile.consumers) continue;
      if (!tile.fits(static_cast<int>(pair->x.shape[1]), blocks)) continue;
      return [launch = tile.launch, multiprocessors = target.device.multiprocessors, blocks, pair = *pair](
                 const Memory& memory, std::byte*, const Queue& queue) { launch(pair, memory, multiprocessors, blocks, queue); };
    }
  throw Error("engine.kernel", "There is no such kernel for a depthwise convolution and a 1x1 behind it in this build.");
}

}  // namespace

const KernelFamily separable_family{"separable", list, make, Start::early};

}  // namespace peregrine::cuda
