#include "engine/cuda/adopt.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

namespace peregrine::cuda {
namespace {

/// Zero for equal shapes; an extent that is k times the other counts as much as one that is a k-th.
double distance(const Shape& a, const Shape& b) {
  if (a.rank() != b.rank()) return HUGE_VAL;
  double sum = 0;
  for (std::size_t i = 0; i < a.rank(); ++i) sum += std::abs(std::log(static_cast<double>(a[i]) / static_cast<double>(b[i])));
  return sum;
}

}  // namespace

std::size_t nearest(const Shape& wanted, std::span<const Shape> tuned) {
  const auto found = std::ranges::min_element(tuned, {}, [&](const Shape& other) { return distance(wanted, other); });
  return static_cast<std::size_t>(found - tuned.begin());
}

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
