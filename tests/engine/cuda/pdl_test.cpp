// Steps that start before their predecessor is done compute the same: whole networks over one arena, whose
// memory is used again and again, enqueued and replayed.
#include <gtest/gtest.h>

#include <optional>

#include "cuda/device.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "device_run.h"
#include "engine/cuda/lowering/lowering.h"
#include "engine/cuda/runtime/executor.h"
#include "graph/passes.h"
#include "network.h"

namespace peregrine::cuda {

namespace {

/// YOLO's parts, small: many short kernels in a chain, and branches at its end.
ExecutionPlan network(int streams) {
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
    net.graph.mark_output(
        net.conv(name + ".last", net.layer(name + ".b", net.layer(name + ".a", x, 64, {3}), 32, {3}), 16),
        name);
  }
  graph::run_passes(net.graph);
  return lower(net.graph, {.max_streams = streams});
}

/// What steps compute one after another, and the executor whose steps start early.
class DependentLaunch : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
    const Target target{.device = device_facts(0)};
    plan_ = network(GetParam());
    Executor serial(plan_, target, {.dependent_launch = false});
    early_.emplace(plan_, target, ExecutorOptions{.dependent_launch = true});
    EXPECT_EQ(serial.pdl_steps(), 0u);
    EXPECT_EQ(early_->pdl_steps() > plan_.steps.size() / 2, target.device.major >= 9);
    bound_.emplace(plan_, stream_.get());
    serial.enqueue(bound_->pointers, stream_.get());
    expected_ = bound_->take();
    ASSERT_FALSE(expected_.empty());
  }

  ExecutionPlan plan_;
  Stream stream_ = device_count() > 0 ? Stream::create() : Stream();
  std::optional<Executor> early_;
  std::optional<BoundMemory> bound_;
  Outputs expected_;
};

TEST_P(DependentLaunch, ComputesTheSameEnqueued) {
  for (int i = 0; i < 20; ++i) {
    early_->enqueue(bound_->pointers, stream_.get());
    ASSERT_EQ(bound_->take(), expected_) << "time " << i;
  }
}

TEST_P(DependentLaunch, ComputesTheSameReplayed) {
  const Graph graph =
      Graph::capture(stream_.get(), [&] { early_->enqueue(bound_->pointers, stream_.get()); });
  for (int i = 0; i < 200; ++i) {
    for (int call = 0; call < 5; ++call) graph.launch(stream_.get());
    ASSERT_EQ(bound_->take(), expected_) << "time " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, DependentLaunch, testing::Values(1, 4), [](const auto& info) {
  return info.param == 1 ? std::string("one") : std::string("four");
});

}  // namespace
}  // namespace peregrine::cuda
