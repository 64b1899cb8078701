// Which depthwise convolutions the kernel over tiles with a halo serves.
#include "engine/cuda/kernels/providers.h"
#include "engine/cuda/kernels/sm90/conv3x3.h"
#include "engine/cuda/kernels/sm90/depthwise3x3/depthwise3x3_sm90.h"
#include "engine/cuda/runtime/compute_90.h"
#include "peregrine/error.h"

namespace peregrine::cuda {
namespace {

using namespace tiles;

bool serves(const Depthwise& step) { return step.stride == Pair{1, 1} && is_conv3x3(step); }

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

std::vector<Tactic> enumerate_tactics(const Step& step, const Target& target) {
  const auto* depthwise = std::get_if<Depthwise>(&step.operation);
  if (!depthwise || !has_90a(target.device) || !serves(*depthwise)) return {};
  std::vector<Tactic> tactics;
  for (const DepthwiseTile& tile : tiles_for(depthwise->x.shape[1]))
    tactics.push_back(make_tactic({tile.columns, tile.rows}));
  return tactics;
}

Launch instantiate(const Step& step, Tactic& tactic, const Target&) {
  const auto* depthwise = std::get_if<Depthwise>(&step.operation);
  if (depthwise && tactic.parameters.size() == 2 && serves(*depthwise))
    for (const DepthwiseTile& tile : tiles_for(depthwise->x.shape[1]))
      if (tactic.parameters[0] == tile.columns && tactic.parameters[1] == tile.rows)
        return [tile, step = *depthwise](const Memory& memory, std::byte*, const LaunchContext& context) {
          depthwise3x3_sm90(step, tile, memory, context);
        };
  throw Error("engine.kernel", "There is no such kernel for a depthwise tile with its halo in this build.");
}

}  // namespace

const KernelProvider depthwise3x3_sm90_provider{"depthwise3x3_sm90", enumerate_tactics, instantiate,
                                                PdlMode::secondary};

}  // namespace peregrine::cuda
