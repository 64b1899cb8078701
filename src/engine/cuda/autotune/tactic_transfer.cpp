#include "engine/cuda/autotune/tactic_transfer.h"

#include <map>
#include <string_view>

namespace peregrine::cuda {

int transfer_tactics(ExecutionPlan& plan, const ExecutionPlan& tuned) {
  std::map<std::string_view, const Step*> by_name;
  for (const Step& step : tuned.steps) by_name[step.name] = &step;
  int transferred = 0;
  for (Step& step : plan.steps) {
    const auto found = by_name.find(step.name);
    if (found == by_name.end() || found->second->operation.index() != step.operation.index()) continue;
    const Tactic& tactic = found->second->tactic;
    step.tactic = {.provider = tactic.provider, .parameters = tactic.parameters, .payload = {}};
    transferred += tactic.provider.empty() ? 0 : 1;
  }
  return transferred;
}

}  // namespace peregrine::cuda
