// Looking into a plan: how many steps of each kind, and a step by its name.
#pragma once

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>

#include "engine/cuda/plan/plan.h"
#include "engine/cuda/plan/statistics.h"

namespace peregrine::test {

using Steps = std::map<std::string, int>;

inline Steps steps_of(const cuda::ExecutionPlan& plan) { return cuda::statistics(plan).steps; }

inline const cuda::Step& step(const cuda::ExecutionPlan& plan, const std::string& name) {
  const auto found = std::ranges::find(plan.steps, name, &cuda::Step::name);
  if (found == plan.steps.end()) throw std::out_of_range(name);
  return *found;
}

template <class T>
const T& step(const cuda::ExecutionPlan& plan, const std::string& name) {
  return std::get<T>(step(plan, name).operation);
}

}  // namespace peregrine::test
