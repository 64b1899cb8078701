// Choices carried from a tuned shape to another one.
#include "engine/cuda/autotune/tactic_transfer.h"

#include <gtest/gtest.h>

#include "engine/cuda/lowering/lowering.h"
#include "network.h"

namespace peregrine::cuda {
namespace {

ExecutionPlan plan_at(std::int64_t height, std::int64_t width, bool with_pool = false) {
  test::Network net;
  test::ValueId x = net.layer("a", net.input({1, 3, height, width}), 16, {3, 2});
  if (with_pool) x = net.sppf("pyramid", x, 16);
  net.graph.mark_output(net.c3k2("b", x, 16), "out");
  return lower(net.graph, {});
}

TEST(AdoptChoices, TakesWhatHoldsForEveryShape) {
  ExecutionPlan tuned = plan_at(64, 64), plan = plan_at(32, 64);
  for (Step& step : tuned.steps) step.tactic = {"cudnn", {3, 1}, "for 64x64 only", 4096, 5.5f, true};
  EXPECT_EQ(transfer_tactics(plan, tuned), static_cast<int>(plan.steps.size()));
  for (const Step& step : plan.steps) EXPECT_EQ(step.tactic, (Tactic{"cudnn", {3, 1}, "", 0, 0, false}));
}

TEST(AdoptChoices, LeavesStepsAloneThatTheTunedPlanLacks) {
  ExecutionPlan tuned = plan_at(64, 64), plan = plan_at(32, 32, true);
  for (Step& step : tuned.steps) step.tactic.provider = "gemm";
  EXPECT_EQ(transfer_tactics(plan, tuned), static_cast<int>(tuned.steps.size()));
  for (const Step& step : plan.steps)
    EXPECT_EQ(step.tactic.provider.empty(), step.name.starts_with("pyramid")) << step.name;
}

}  // namespace
}  // namespace peregrine::cuda
