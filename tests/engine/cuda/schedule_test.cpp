// Streams and memory of hand-made plans: what may overlap does, what may not does not.
#include "engine/cuda/plan/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/cuda/plan/memory_planner.h"
#include "engine/cuda/plan/plan_check.h"
#include "engine/cuda/plan/statistics.h"

namespace peregrine::cuda {
namespace {

/// A plan of unary steps over buffers of given sizes.
class Chain {
 public:
  ExecutionPlan plan;

  TensorRef buffer(std::int64_t elements) {
    plan.buffers.push_back(
        {Buffer::Place::arena, elements * 4, 0, -1, "b" + std::to_string(plan.buffers.size())});
    return {static_cast<BufferId>(plan.buffers.size() - 1), DType::f32, 0, {elements}, {1}};
  }
  TensorRef input(std::int64_t elements) {
    TensorRef tensor = buffer(elements);
    plan.buffers.back().place = Buffer::Place::binding;
    plan.buffers.back().binding = 0;
    plan.bindings.push_back({"in", true, tensor});
    return tensor;
  }
  TensorRef step(const TensorRef& x) {
    const TensorRef y = buffer(x.shape[0]);
    plan.steps.push_back({"s" + std::to_string(plan.steps.size()), {}, Unary{x, y, {}}, 0, {}, {}});
    return y;
  }
  TensorRef sum(const TensorRef& a, const TensorRef& b) {
    const TensorRef y = buffer(a.shape[0]);
    plan.steps.push_back({"s" + std::to_string(plan.steps.size()), {}, Binary{a, b, y, {}}, 0, {}, {}});
    return y;
  }
};

constexpr std::int64_t kilo = 1024;

TEST(Lanes, AChainStaysOnOne) {
  Chain chain;
  TensorRef x = chain.input(kilo);
  for (int i = 0; i < 5; ++i) x = chain.step(x);
  assign_streams(chain.plan, 4);
  EXPECT_EQ(chain.plan.streams, 1);
  for (const Step& step : chain.plan.steps) EXPECT_TRUE(step.dependencies.empty());
}

TEST(Lanes, BranchesRunSideBySideAndWaitOnlyWhereTheyMust) {
  Chain chain;
  const TensorRef x = chain.step(chain.input(kilo));
  const TensorRef a = chain.step(chain.step(x)), b = chain.step(chain.step(x));
  chain.sum(a, b);
  assign_streams(chain.plan, 4);
  const auto& steps = chain.plan.steps;
  EXPECT_EQ(chain.plan.streams, 2);
  EXPECT_EQ(steps[1].stream_index, steps[2].stream_index);
  EXPECT_EQ(steps[3].stream_index, steps[4].stream_index);
  EXPECT_NE(steps[1].stream_index, steps[3].stream_index);
  EXPECT_EQ(steps[3].dependencies, std::vector<std::int32_t>{0});
  EXPECT_TRUE(steps[4].dependencies.empty());
  EXPECT_EQ(steps[5].dependencies.size(), 1u);

  const HappensBefore before(chain.plan);
  EXPECT_TRUE(before(0, 5));
  EXPECT_TRUE(before(1, 5));
  EXPECT_FALSE(before(1, 3));
  EXPECT_FALSE(before(3, 1));
  EXPECT_FALSE(before(2, 2));
}

TEST(Lanes, NeverMoreThanAllowed) {
  Chain chain;
  const TensorRef x = chain.step(chain.input(kilo));
  for (int i = 0; i < 7; ++i) chain.step(chain.step(x));
  for (int streams : {1, 2, 3, 16}) {
    assign_streams(chain.plan, streams);
    EXPECT_LE(chain.plan.streams, std::min(streams, 7));
    plan_memory(chain.plan);
    EXPECT_TRUE(defects(chain.plan).empty()) << streams;
  }
}

TEST(Memory, AChainTakesTwoBuffers) {
  Chain chain;
  TensorRef x = chain.input(kilo);
  for (int i = 0; i < 6; ++i) x = chain.step(x);
  assign_streams(chain.plan, 4);
  plan_memory(chain.plan);
  EXPECT_EQ(chain.plan.arena_bytes, 2 * kilo * 4);
  EXPECT_EQ(statistics(chain.plan).unshared_bytes, 6 * kilo * 4);
  EXPECT_TRUE(defects(chain.plan).empty());
}

TEST(Memory, BranchesInFlightTogetherShareNothing) {
  Chain chain;
  const TensorRef x = chain.step(chain.input(kilo));
  const TensorRef a = chain.step(chain.step(chain.step(x))), b = chain.step(chain.step(chain.step(x)));
  chain.sum(a, b);
  assign_streams(chain.plan, 1);
  plan_memory(chain.plan);
  const std::int64_t in_a_row = chain.plan.arena_bytes;
  assign_streams(chain.plan, 2);
  plan_memory(chain.plan);
  EXPECT_TRUE(defects(chain.plan).empty());
  EXPECT_EQ(in_a_row, 3 * kilo * 4);
  EXPECT_GT(chain.plan.arena_bytes, in_a_row);
}

TEST(Memory, FillsTheSmallestGapThatFits) {
  Chain chain;
  const TensorRef x = chain.input(kilo);
  const TensorRef large = chain.step(chain.input(8 * kilo));
  chain.step(large);  // ends the large one
  const TensorRef small = chain.step(x);
  chain.step(small);
  assign_streams(chain.plan, 1);
  plan_memory(chain.plan);
  EXPECT_TRUE(defects(chain.plan).empty());
  EXPECT_EQ(chain.plan.arena_bytes, 16 * kilo * 4);  // the two large ones; the small ones lie within
  for (const Buffer& buffer : chain.plan.buffers) EXPECT_EQ(buffer.offset % arena_alignment, 0);
}

// ---- the checker must see what is wrong

ExecutionPlan sound_plan() {
  Chain chain;
  const TensorRef x = chain.step(chain.input(kilo));
  const TensorRef a = chain.step(x), b = chain.step(x);
  chain.sum(a, b);
  assign_streams(chain.plan, 2);
  plan_memory(chain.plan);
  return std::move(chain.plan);
}

TEST(Defects, NoneInASoundPlan) { EXPECT_TRUE(defects(sound_plan()).empty()); }

TEST(Defects, MissingWait) {
  ExecutionPlan plan = sound_plan();
  plan.steps.back().dependencies.clear();
  ASSERT_FALSE(defects(plan).empty());
  EXPECT_NE(defects(plan).front().find("in no order"), std::string::npos);
}

TEST(Defects, SharedMemoryOfLiveBuffers) {
  ExecutionPlan plan = sound_plan();
  for (Buffer& buffer : plan.buffers) buffer.offset = 0;
  EXPECT_FALSE(defects(plan).empty());
}

TEST(Defects, OutOfBounds) {
  const auto broken = [](auto&& change) {
    ExecutionPlan plan = sound_plan();
    change(plan);
    return !defects(plan).empty();
  };
  const auto x = [](ExecutionPlan& plan) -> TensorRef& { return std::get<Unary>(plan.steps[1].operation).x; };
  EXPECT_TRUE(broken([&](auto& plan) { x(plan).shape[0] += 1; }));
  EXPECT_TRUE(broken([&](auto& plan) { x(plan).offset = -1; }));
  EXPECT_TRUE(broken([&](auto& plan) { x(plan).strides[0] = std::int64_t{1} << 60; }));
  EXPECT_TRUE(broken([&](auto& plan) { x(plan).strides = {1, 1}; }));
  EXPECT_TRUE(broken([&](auto& plan) { x(plan).buffer = static_cast<BufferId>(99); }));
  EXPECT_TRUE(broken([&](auto& plan) { x(plan).dtype = DType::u8; }));
  EXPECT_TRUE(broken([&](auto& plan) { plan.arena_bytes -= 1; }));
  EXPECT_TRUE(broken([&](auto& plan) { plan.buffers[2].offset = 8; }));
  EXPECT_TRUE(broken([&](auto& plan) { plan.steps[1].stream_index = 5; }));
  EXPECT_TRUE(broken([&](auto& plan) { plan.steps[1].dependencies = {3}; }));
  EXPECT_TRUE(broken([&](auto& plan) { plan.streams = 0; }));
}

TEST(Followers, OnlyBehindAStepOfTheirLaneAndWithoutWaits) {
  Chain chain;
  const TensorRef x = chain.step(chain.input(kilo));
  const TensorRef a = chain.step(x), b = chain.step(x);
  chain.step(chain.sum(a, b));
  auto& steps = chain.plan.steps;
  chain.plan.streams = 2;
  steps[2].stream_index = 1, steps[2].dependencies = {0}, steps[3].dependencies = {2};
  const PdlSchedule pdl = pdl_schedule(chain.plan, std::vector(5, PdlMode::secondary));
  EXPECT_EQ(pdl.secondary, (std::vector<bool>{false, true, false, false, true}));
  EXPECT_EQ(pdl.trigger, (std::vector<bool>{true, false, false, true, false}));
}

TEST(Followers, TheFirstOfALaneFollowsNobody) {
  Chain chain;
  const TensorRef x = chain.input(kilo);
  chain.step(x), chain.step(x);
  chain.plan.streams = 2, chain.plan.steps[1].stream_index = 1;
  EXPECT_EQ(pdl_schedule(chain.plan, std::vector(2, PdlMode::secondary)).secondary,
            (std::vector<bool>{false, false}));
}

/// Five steps on one stream; some kernels are of another kind than `early`.
class LongChain : public testing::Test {
 protected:
  LongChain() {
    TensorRef x = chain_.input(kilo);
    for (int i = 0; i < 5; ++i) x = chain_.step(x);
  }
  /// Step `index` moves to a stream of its own, and waits for step 0.
  void move_away(std::size_t index) {
    chain_.plan.streams = 2, chain_.plan.steps[index].stream_index = 1,
    chain_.plan.steps[index].dependencies = {0};
  }
  void expect(const std::vector<bool>& starts, const std::vector<bool>& trigger) const {
    const PdlSchedule pdl = pdl_schedule(chain_.plan, kinds_);
    EXPECT_EQ(pdl.secondary, starts);
    EXPECT_EQ(pdl.trigger, trigger);
  }

  Chain chain_;
  std::vector<PdlMode> kinds_ = std::vector(5, PdlMode::secondary);
};

TEST_F(LongChain, WhatMayNotWaitIsTriggeredByNothing) {
  kinds_[2] = PdlMode::implicit;
  expect({false, true, false, true, true}, {true, false, true, true, false});
}

TEST_F(LongChain, NorByAStepOfAnotherStream) {
  kinds_[3] = PdlMode::implicit;
  move_away(3);
  expect({false, true, true, false, true}, {false, true, true, false, false});
}

TEST_F(LongChain, WhatStartsInOrderComesUninvitedNowhere) {
  kinds_[3] = PdlMode::none;
  move_away(3);
  expect({false, true, true, false, true}, {true, true, true, false, false});
}

TEST_F(LongChain, AnImplicitSecondaryThatWaitsIsTriggeredOnItsStream) {
  kinds_[2] = PdlMode::implicit_waiting;
  expect({false, true, true, true, true}, {true, true, true, true, false});
}

TEST_F(LongChain, ButByNoStepOfAnotherStreamAsItWouldComeBehindBoth) {
  kinds_[2] = PdlMode::implicit_waiting;
  move_away(2);
  expect({false, true, false, true, true}, {false, true, false, true, false});
}

TEST_F(LongChain, NothingOfALibraryIsASecondaryWithWhatMayNotWaitBehindIt) {
  kinds_[2] = PdlMode::implicit_waiting, kinds_[3] = PdlMode::implicit;
  expect({false, true, false, false, true}, {true, false, false, true, false});
}

TEST_F(LongChain, NorWithSuchAStepOfAnotherStreamBehindIt) {
  kinds_[2] = PdlMode::implicit_waiting, kinds_[4] = PdlMode::implicit;
  move_away(4);
  chain_.plan.steps[4].dependencies = {2};
  expect({false, true, false, true, false}, {true, false, false, false, false});
}

TEST(Defects, WritesWhatItReads) {
  ExecutionPlan plan = sound_plan();
  auto& step = std::get<Unary>(plan.steps[1].operation);
  step.y = step.x;
  EXPECT_FALSE(defects(plan).empty());
}

TEST(Defects, ReadsWhatNobodyWrote) {
  ExecutionPlan plan = sound_plan();
  plan.steps.erase(plan.steps.begin());
  for (Step& step : plan.steps) step.stream_index = 0, step.dependencies.clear();
  ASSERT_FALSE(defects(plan).empty());
  EXPECT_NE(defects(plan).front().find("no step has written"), std::string::npos);
}

}  // namespace
}  // namespace peregrine::cuda
