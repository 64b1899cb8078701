// Plans of real models as the tuner makes them on this GPU: what their kernels do beside each other on
// streams, over one arena, is what they do one after another, every time, and close to what the default
// kernels compute. Where it is not, the step is named.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "core/half.h"
#include "cuda/device.h"
#include "cuda/graph.h"
#include "cuda/stream.h"
#include "device_run.h"
#include "engine/cuda/autotune/tuning.h"
#include "engine/cuda/lowering/lowering.h"
#include "engine/cuda/runtime/executor.h"
#include "formats/model.h"
#include "graph/passes.h"
#include "support/test_data.h"

namespace peregrine::cuda {

namespace {

namespace fs = std::filesystem;

/// Kernels that are right differ by roundings of FP16, which a network carries on: largest difference of an
/// element of an output, relative to the output's largest.
constexpr double most_different = 5e-2;

/// Of the worst output; infinite where something is not finite that should be.
double difference(const Outputs& tested, const Outputs& reference) {
  double worst = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const auto* const a = reinterpret_cast<const Half*>(tested[i].data());
    const auto* const b = reinterpret_cast<const Half*>(reference[i].data());
    double largest = 0, scale = 0;
    for (std::size_t k = 0; k < reference[i].size() / sizeof(Half); ++k) {
      const double wanted = to_float(b[k]), off = to_float(a[k]) - wanted;
      if (!std::isfinite(wanted)) continue;  // between the channels of an output nothing is written
      if (!std::isfinite(off)) return std::numeric_limits<double>::infinity();
      largest = std::max(largest, std::abs(off)), scale = std::max(scale, std::abs(wanted));
    }
    worst = std::max(worst, largest / scale);
  }
  return worst;
}

/// Tuned the first time that it is asked for.
const ExecutionPlan& tuned_plan(const fs::path& weights, int batch, const Target& target) {
  static std::map<std::pair<fs::path, int>, ExecutionPlan> plans;
  const auto [plan, is_new] = plans.try_emplace({weights, batch});
  if (is_new) {
    const Model model = load_model(weights);
    graph::Graph graph = model.graph({batch, model.info().image_height, model.info().image_width});
    graph::run_passes(graph);
    plan->second = lower(graph, {});
    tune(plan->second, target, {});
  }
  return plan->second;
}

class TunedPlan : public testing::TestWithParam<std::tuple<const char*, int>> {
 protected:
  /// Skips where there is no device, no shared data, or the file is packed.
  void SetUp() override {
    if (device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
    PEREGRINE_NEED_SHARED_DATA(data);
    const auto& [file, batch] = GetParam();
    PEREGRINE_NEED_WEIGHTS(weights, data, file);
    target_ = first_device();
    plan_ = tuned_plan(weights, batch, target_);
    bound_.emplace(plan_, stream_.get());
  }

  Outputs run(Executor& executor) {
    executor.enqueue(bound_->pointers, stream_.get());
    return bound_->take();
  }
  ExecutionPlan with_tactics_of(const std::function<bool(std::size_t)>& tuned) const {
    ExecutionPlan plan = plan_;
    for (std::size_t i = 0; i < plan.steps.size(); ++i)
      if (!tuned(i)) plan.steps[i].tactic = {};
    return plan;
  }
  /// The steps whose chosen kernels, each by itself among default ones, bring most of a difference.
  std::string culprits(const Outputs& reference) {
    std::string text;
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      Executor one(with_tactics_of([i](std::size_t step) { return step == i; }), target_);
      if (const double off = difference(run(one), reference); off > most_different / 4)
        text +=
            fmt::format("\n{} {} by {}({}): {:.3g}", i, plan_.steps[i].name, plan_.steps[i].tactic.provider,
                        fmt::join(plan_.steps[i].tactic.parameters, ","), off);
    }
    return text;
  }

  /// What a run leaves in memory must not reach the next one: whatever ran before, an input gives what its
  /// steps give one by one, each waited for. (The same input twice would hide a step that reads before its
  /// input is there.)
  void expect_nothing_kept_of_the_run_before() {
    constexpr unsigned inputs = 3, times = 30;
    Executor executor(plan_, target_);
    run(executor);
    std::vector<Outputs> expected;
    for (unsigned seed = 0; seed < inputs; ++seed) {
      bound_->give(seed);
      for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
        executor.enqueue_step(i, stream_.get());
        stream_.synchronize();
      }
      expected.push_back(bound_->take());
    }
    EXPECT_GT(difference(expected[0], expected[1]), 0.1) << "the inputs are too much alike";
    const auto wrong = [&](const std::function<void()>& run) {
      int count = 0;
      for (unsigned i = 0; i < times; ++i) {
        bound_->give(i % inputs);
        run();
        count += bound_->take() == expected[i % inputs] ? 0 : 1;
      }
      return count;
    };
    EXPECT_EQ(wrong([&] {
                for (std::size_t i = 0; i < plan_.steps.size(); ++i) executor.enqueue_step(i, stream_.get());
              }),
              0)
        << "on one stream";
    EXPECT_EQ(wrong([&] { executor.enqueue(bound_->pointers, stream_.get()); }), 0) << "on lanes";
    const Graph graph =
        Graph::capture(stream_.get(), [&] { executor.enqueue(bound_->pointers, stream_.get()); });
    EXPECT_EQ(wrong([&] { graph.launch(stream_.get()); }), 0) << "replayed";
  }

  Target target_;
  ExecutionPlan plan_;
  Stream stream_ = device_count() > 0 ? Stream::create() : Stream();
  std::optional<BoundMemory> bound_;
};

TEST_P(TunedPlan, ComputesWhatTheDefaultKernelsDo) {
  Executor tuned(plan_, target_), plain(with_tactics_of([](std::size_t) { return false; }), target_);
  const Outputs reference = run(plain), outputs = run(tuned);
  const double off = difference(outputs, reference);
  std::printf("%s batch %d: largest difference to default kernels %.2e\n", std::get<0>(GetParam()),
              std::get<1>(GetParam()), off);
  EXPECT_LT(off, most_different) << culprits(reference);
}

TEST_P(TunedPlan, IsTheSameOnStreamsAndOneStepAfterAnother) {
  Executor executor(plan_, target_);
  const Outputs together = run(executor);
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) executor.enqueue_step(i, stream_.get());
  EXPECT_TRUE(bound_->take() == together);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(run(executor) == together) << "time " << i;
  const Graph graph =
      Graph::capture(stream_.get(), [&] { executor.enqueue(bound_->pointers, stream_.get()); });
  for (int i = 0; i < 100; ++i) {
    for (int call = 0; call < 5; ++call) graph.launch(stream_.get());
    ASSERT_TRUE(bound_->take() == together) << "replay " << i;
  }
}

TEST_P(TunedPlan, KeepsNothingOfTheRunBefore) { expect_nothing_kept_of_the_run_before(); }

/// Most kernels are a library's in these. With random weights, which amplify roundings: other kernels compute
/// something else.
class RandomTunedPlan : public TunedPlan {};

TEST_P(RandomTunedPlan, KeepsNothingOfTheRunBefore) { expect_nothing_kept_of_the_run_before(); }

std::string name_of_case(const testing::TestParamInfo<std::tuple<const char*, int>>& info) {
  std::string name = std::get<0>(info.param);
  name = name.substr(0, name.find('.')) + "_" + std::to_string(std::get<1>(info.param));
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Shared, TunedPlan,
                         testing::Combine(testing::Values("yolo11n-pose.pt", "yolo11n.pt", "yolo11n-seg.pt",
                                                          "osnet_x0_25_msmt17.pth",
                                                          "osnet_x1_0-synthetic.pth"),
                                          testing::Values(4, 1)),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(Shared, RandomTunedPlan,
                         testing::Combine(testing::Values("yolo11m-synthetic.pt", "yolo11m-seg-synthetic.pt"),
                                          testing::Values(1)),
                         name_of_case);

}  // namespace
}  // namespace peregrine::cuda
