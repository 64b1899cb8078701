// Which depthwise convolutions the kernel over tiles with a ring serves.
#include "engine/cuda/cutlass/window.h"
#include "engine/cuda/hopper/depthwise_ring.h"
#include "engine/cuda/kernels/families.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

using namespace tiles;

constexpr int most_channels = 80;

bool serves(const Depthwise& step) {
  const Shape &w = step.weight.shape, &x = step.x.shape, &y = step.y.shape;
  for (const std::size_t axis : {0, 1}) {
    if (w[2 + axis] != 3 || step.stride[axis] != 1 || step.dilation[axis] != 1) return false;
    if (step.pad[axis] != 1 || step.pad[2 + axis] != 1 || x[2 + axis] != y[2 + axis]) return false;
  }
  return in_tma_vectors(step.x) && in_tma_vectors(step.y) && in_tma_vectors(step.residual);
}

/// Channels of a block: the most that divide those of the step.
int channels_of(std::int64_t channels) {
  int most = 8;
  for (int some = 8; some <= most_channels; some += 8)
    if (channels % some == 0) most = some;
  return most;
}

std::vector<DepthwiseTile> tiles_for([[maybe_unused]] std::int64_t channels) {
  std::vector<DepthwiseTile> tiles;
#if PEREGRINE_CUTLASS
  for (const int rows : {8, 4})
    for (const int columns : {16, 8}) tiles.push_back({channels_of(channels), columns, rows});
#endif
  return tiles;
}

std::vector<Choice> list(const Step& step, const Target& target) {
  const auto* depthwise = std::get_if<Depthwise>(&step.operation);
  if (!depthwise || target.device.major != 9 || target.device.minor != 0 || !serves(*depthwise)) return {};
  std::vector<Choice> choices;
  for (const DepthwiseTile& tile : tiles_for(depthwise->x.shape[1])) choices.push_back(variant({tile.columns, tile.rows}));
  return choices;
}

Launch make(const Step& step, Choice& choice, const Target&) {
  const auto* depthwise = std::get_if<Depthwise>(&step.operation);
  if (depthwise && choice.parameters.size() == 2 && serves(*depthwise))
    for (const DepthwiseTile& tile : tiles_for(depthwise->x.shape[1]))
      if (choice.parameters[0] == tile.columns && choice.parameters[1] == tile.rows)
        return [tile, step = *depthwise](const Memory& memory, std::byte*, const Queue& queue) {
          depthwise_ring(step, tile, memory, queue);
        };
  throw Error("engine.kernel", "There is no such kernel for a depthwise tile with its ring in this build.");
}

}  // namespace

const KernelFamily depthwise_ring_family{"depthwise_ring", list, make};

}  // namespace peregrine::cuda
