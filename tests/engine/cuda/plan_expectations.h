// What every plan must fulfil, whatever it computes.
#pragma once

#include "engine/cuda/lowering/lowering.h"

namespace peregrine::test {

inline constexpr double fp32_tolerance = 1e-3;  ///< of the largest value of each tensor
inline constexpr double fp16_tolerance = 2e-2;

inline double tolerance_of(Precision precision) {
  return precision == Precision::fp32 ? fp32_tolerance : fp16_tolerance;
}

/// Expects a plan of the graph to be sound, to survive its file, to be right after every step for every value
/// that is then complete, and to give the same outputs in any order that its streams and waits allow.
void expect_plan_right(const graph::Graph& graph, const cuda::ExecutionPlan& plan);

/// Lowers, expects that of the plan, and of the plan with every pair of convolutions as one step. Returns the
/// first.
cuda::ExecutionPlan expect_right(const graph::Graph& graph, const cuda::LoweringOptions& options);

}  // namespace peregrine::test
