// What a plan costs, by arithmetic alone: for the roofline, for schedules, for comparing lowerings.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

struct StepCost {
  double flops = 0;  ///< two for a multiply-add; padding channels included, as the kernel computes them
  double bytes = 0;  ///< each tensor read and written once, weights included
};
StepCost cost(const Operation& operation);

/// A GPU's limits. Defaults: H100 SXM, FP16 with FP32 accumulation.
struct Roofline {
  double flops_per_second = 800e12;
  double bytes_per_second = 2.6e12;
  double seconds_per_launch = 1.2e-6;  ///< a kernel in a chain
};
/// The least a step can take.
double least_seconds(const StepCost& cost, const Roofline& limits);

struct PlanStatistics {
  std::map<std::string, int> steps;  ///< by kind: launches, if each step is one
  StepCost total;
  std::int64_t arena_bytes = 0, weight_bytes = 0;
  std::int64_t unshared_bytes = 0;  ///< what the arena would take if no memory were used twice
  int streams = 0, dependencies = 0;
};
PlanStatistics statistics(const ExecutionPlan& plan);

}  // namespace peregrine::cuda
