#include "engine/cuda/adopt.h"

#include <map>
#include <string_view>

namespace peregrine::cuda {

int adopt_choices(ExecutionPlan& plan, const ExecutionPlan& tuned) {
  std::map<std::string_view, const Step*> by_name;
  for (const Step& step : tuned.steps) by_name[step.name] = &step;
  int adopted = 0;
  for (Step& step : plan.steps) {
    const auto found = by_name.find(step.name);
    if (found == by_name.end() || found->second->operation.index() != step.operation.index()) continue;
    const Choice& choice = found->second->choice;
    step.choice = {.candidate = choice.candidate, .parameters = choice.parameters, .payload = {}};
    adopted += choice.candidate.empty() ? 0 : 1;
  }
  return adopted;
}

}  // namespace peregrine::cuda
