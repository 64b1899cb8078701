// Which pairs of a depthwise and a 1x1 convolution run as one kernel.
#include "engine/cuda/kernels/cutlass/implicit_gemm.h"
#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/kernels/sm90/depthwise_pointwise/depthwise_pointwise.h"
#include "engine/cuda/kernels/sm90/tiles.h"
#include "engine/cuda/runtime/compute_90.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

using namespace tiles;

constexpr int most_blocks = 2;

/// None where the build is not for compute capability 9.0.
std::vector<DepthwisePointwiseTile> tiles_for([[maybe_unused]] const DepthwisePointwise& step) {
  std::vector<DepthwisePointwiseTile> all;
#if PEREGRINE_CUTLASS
  for (const DepthwisePointwiseTile& tile : depthwise_pointwise_tiles())
    if (step.y.shape[1] % tile.tile_n == 0) all.push_back(tile);
#endif
  return all;
}

bool serves(const DepthwisePointwise& step) { return in_tma_vectors(step.x) && in_tma_vectors(step.y); }

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  const auto* pair = std::get_if<DepthwisePointwise>(&step.operation);
  if (!pair || !has_90a(target.device) || !serves(*pair)) return {};
  const Shape& y = pair->y.shape;
  const std::int64_t tiles = y[0] * device::divide_up(y[2], edge) * device::divide_up(y[3], edge);
  std::vector<Tactic> tactics;
  for (const DepthwisePointwiseTile& tile : tiles_for(*pair)) {
    const std::int64_t all = tiles * (y[1] / tile.tile_n), multiprocessors = target.device.multiprocessors;
    for (int blocks = 1; blocks <= most_blocks; ++blocks)
      if ((blocks - 1) * multiprocessors < all && tile.fits(static_cast<int>(pair->x.shape[1]), blocks))
        tactics.push_back(make_tactic({tile.tile_n, tile.consumers, blocks}));
  }
  return tactics;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target& target) {
  const auto* pair = std::get_if<DepthwisePointwise>(&step.operation);
  const auto& wanted = tactic.parameters;
  if (pair && wanted.size() == 3 && wanted[2] >= 1 && wanted[2] <= most_blocks && serves(*pair))
    for (const DepthwisePointwiseTile& tile : tiles_for(*pair)) {
      const auto blocks = static_cast<int>(wanted[2]);
      if (wanted[0] != tile.tile_n || wanted[1] != tile.consumers) continue;
      if (!tile.fits(static_cast<int>(pair->x.shape[1]), blocks)) continue;
      return [launch = tile.launch, multiprocessors = target.device.multiprocessors, blocks, pair = *pair](
                 const Memory& memory, std::byte*, const LaunchContext& context) {
        launch(pair, memory, multiprocessors, blocks, context);
      };
    }
  throw Error("engine.kernel",
              "There is no such kernel for a depthwise convolution and a 1x1 behind it in this build.");
}

}  // namespace

const KernelProvider depthwise_pointwise_provider{"depthwise_pointwise", enumerate_tactics, instantiate,
                                                  PdlMode::secondary};

}  // namespace peregrine::cuda
