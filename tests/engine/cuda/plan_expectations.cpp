#include "plan_expectations.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/conformance/conformance.h"
#include "engine/cuda/lowering/fuse/conv_pairs.h"
#include "engine/cuda/plan/plan_check.h"
#include "engine/cuda/plan/plan_file.h"
#include "engine/reference/plan_executor.h"
#include "plan_comparison.h"

namespace peregrine::test {

void expect_plan_right(const graph::Graph& graph, const cuda::ExecutionPlan& plan) {
  const std::vector<std::string> found = cuda::defects(plan);
  EXPECT_TRUE(found.empty()) << found.front() << '\n' << cuda::dump(plan);
  EXPECT_EQ(cuda::plan_from_bytes(cuda::to_bytes(plan)), plan);
  const std::vector<HostTensor> inputs = conformance::random_inputs(graph);
  EXPECT_GT(expect_values(plan, inputs, reference_values(graph, inputs), tolerance_of(plan.precision)), 0);

  reference::PlanExecutor in_order(plan), interleaved(plan);
  for (reference::PlanExecutor* executor : {&in_order, &interleaved})
    for (std::size_t i = 0; i < inputs.size(); ++i) executor->set_input(plan.bindings[i].name, inputs[i]);
  in_order.run();
  for (unsigned seed = 0; seed < 3; ++seed) {
    interleaved.run_interleaved(seed);
    for (const std::string& name : graph.output_names()) {
      const HostTensor a = in_order.output(name), b = interleaved.output(name);
      const bool same = std::equal(a.as<float>(), a.as<float>() + a.shape().elements(), b.as<float>());
      EXPECT_TRUE(same) << name << ", order " << seed;
    }
  }
}

cuda::ExecutionPlan expect_right(const graph::Graph& graph, const cuda::LoweringOptions& options) {
  cuda::ExecutionPlan plan = cuda::lower(graph, options);
  expect_plan_right(graph, plan);
  const cuda::ExecutionPlan fused =
      cuda::fuse_conv_pairs(plan, [](const cuda::Step&, const cuda::Step&) { return true; });
  if (fused.steps.size() != plan.steps.size()) expect_plan_right(graph, fused);
  return plan;
}

}  // namespace peregrine::test
