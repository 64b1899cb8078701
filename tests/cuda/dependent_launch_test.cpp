// Steps that start before their predecessor is done compute the same: whole networks over one arena, whose memory is used
// again and again, enqueued and replayed.
#include <gtest/gtest.h>

#include "base/cuda/device.h"
#include "base/cuda/graph.h"
#include "base/cuda/stream.h"
#include "device_run.h"
#include "engine/cuda/executor.h"
#include "engine/cuda/lowering.h"
#include "graph/passes.h"
#include "network.h"

namespace peregrine::cuda {

namespace {

/// YOLO's parts, small: many short kernels in a chain, and branches at its end.
ExecutionPlan network(int lanes) {
  test::Network net;
  graph::ValueId x = net.input({2, 3, 96, 64});
  x = net.layer("stem", x, 16, {3, 2});
  x = net.layer("down", x, 32, {3, 2});
  x = net.c3k2("plain", x, 64);
  x = net.layer("depthwise", net.layer("narrow", x, 32), 32, {3, 1, 32});
  x = net.c3k2("deep", net.layer("down2", x, 64, {3, 2}), 64, true);
  x = net.c2psa("psa", net.sppf("sppf", x, 128), 1, 32);
  for (int branch = 0; branch < 3; ++branch) {
    const std::string name = "head" + std::to_string(branch);
    net.graph.mark_output(net.conv(name + ".last", net.layer(name + ".b", net.layer(name + ".a", x, 64, {3}), 32, {3}), 16),
                          name);
  }
  graph::run_passes(net.graph);
  return lower(net.graph, {.max_lanes = lanes});
}

class DependentLaunch : public testing::TestWithParam<int> {};

TEST_P(DependentLaunch, ComputesTheSame) {
  if (device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
  const Target target{.device = device_facts(0)};
  const ExecutionPlan plan = network(GetParam());
  const Stream stream = Stream::create();
  Executor serial(plan, target, {.dependent_launch = false}), early(plan, target, {.dependent_launch = true});
  EXPECT_EQ(serial.early_steps(), 0u);
  EXPECT_EQ(early.early_steps() > plan.steps.size() / 2, target.device.major >= 9);
  BoundMemory bound(plan, stream.get());
  serial.enqueue(bound.pointers, stream.get());
  const Outputs expected = bound.take();
  ASSERT_FALSE(expected.empty());
  for (int i = 0; i < 20; ++i) {
    early.enqueue(bound.pointers, stream.get());
    ASSERT_EQ(bound.take(), expected) << "enqueued, time " << i;
  }
  const Graph graph = Graph::capture(stream.get(), [&] { early.enqueue(bound.pointers, stream.get()); });
  for (int i = 0; i < 200; ++i) {
    for (int call = 0; call < 5; ++call) graph.launch(stream.get());
    ASSERT_EQ(bound.take(), expected) << "replayed, time " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Lanes, DependentLaunch, testing::Values(1, 4),
                         [](const auto& info) { return info.param == 1 ? std::string("one") : std::string("four"); });

}  // namespace
}  // namespace peregrine::cuda
