// Which depthwise convolutions the kernel over tiles with a ring serves.
#include "engine/cuda/compute_90.h"
#include "engine/cuda/hopper/depthwise_ring.h"
#include "engine/cuda/hopper/window_of_three.h"
#include "engine/cuda/kernels/families.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

using namespace tiles;

bool serves(const Depthwise& step) { return step.stride == Pair{1, 1} && is_window_of_three(step); }

constexpr int most_columns = 16;

/// Channels of a block: the most that divide those of the step and leave room for the columns.
int channels_of(std::int64_t channels) {
  int most = 8;
  for (int some = 8; some / 8 * most_columns <= most_depthwise_threads; some += 8)
    if (channels % some == 0) most = some;
  return most;
}

std::vector<DepthwiseTile> tiles_for([[maybe_unused]] std::int64_t channels) {
  std::vector<DepthwiseTile> tiles;
#if PEREGRINE_CUTLASS
  for (const int rows : {8, 4})
    for (const int columns : {most_columns, 8}) tiles.push_back({channels_of(channels), columns, rows});
#endif
  return tiles;
}

std::vector<Choice> list(const Step& step, const Target& target) {
  const auto* depthwise = std::get_if<Depthwise>(&step.operation);
  if (!depthwise || !has_90a(target.device) || !serves(*depthwise)) return {};
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

const KernelFamily depthwise_ring_family{"depthwise_ring", list, make, Start::early};

}  // namespace peregrine::cuda
