// Lanes and memory of hand-made plans: what may overlap does, what may not does not.
#include "engine/cuda/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/cuda/memory_planner.h"
#include "engine/cuda/plan_check.h"
#include "engine/cuda/statistics.h"

namespace peregrine::cuda {
namespace {

/// A plan of unary steps over buffers of given sizes.
class Chain {
 public:
  ExecutionPlan plan;

  TensorRef buffer(std::int64_t elements) {
    plan.buffers.push_back({Buffer::Place::arena, elements * 4, 0, -1, "b" + std::to_string(plan.buffers.size())});
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
  assign_lanes(chain.plan, 4);
  EXPECT_EQ(chain.plan.lanes, 1);
  for (const Step& step : chain.plan.steps) EXPECT_TRUE(step.waits.empty());
}

TEST(Lanes, BranchesRunSideBySideAndWaitOnlyWhereTheyMust) {
  Chain chain;
  const TensorRef x = chain.step(chain.input(kilo));
  const TensorRef a = chain.step(chain.step(x)), b = chain.step(chain.step(x));
  chain.sum(a, b);
  assign_lanes(chain.plan, 4);
  const auto& steps = chain.plan.steps;
  EXPECT_EQ(chain.plan.lanes, 2);
  EXPECT_EQ(steps[1].lane, steps[2].lane);
  EXPECT_EQ(steps[3].lane, steps[4].lane);
  EXPECT_NE(steps[1].lane, steps[3].lane);
  EXPECT_EQ(steps[3].waits, std::vector<std::int32_t>{0});
  EXPECT_TRUE(steps[4].waits.empty());
  EXPECT_EQ(steps[5].waits.size(), 1u);

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
  for (int lanes : {1, 2, 3, 16}) {
    assign_lanes(chain.plan, lanes);
    EXPECT_LE(chain.plan.lanes, std::min(lanes, 7));
    plan_memory(chain.plan);
    EXPECT_TRUE(defects(chain.plan).empty()) << lanes;
  }
}

TEST(Memory, AChainTakesTwoBuffers) {
  Chain chain;
  TensorRef x = chain.input(kilo);
  for (int i = 0; i < 6; ++i) x = chain.step(x);
  assign_lanes(chain.plan, 4);
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
  assign_lanes(chain.plan, 1);
  plan_memory(chain.plan);
  const std::int64_t in_a_row = chain.plan.arena_bytes;
  assign_lanes(chain.plan, 2);
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
  assign_lanes(chain.plan, 1);
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
  assign_lanes(chain.plan, 2);
  plan_memory(chain.plan);
  return std::move(chain.plan);
}

TEST(Defects, NoneInASoundPlan) { EXPECT_TRUE(defects(sound_plan()).empty()); }

TEST(Defects, MissingWait) {
  ExecutionPlan plan = sound_plan();
  plan.steps.back().waits.clear();
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
  EXPECT_TRUE(broken([&](auto& plan) { plan.steps[1].lane = 5; }));
  EXPECT_TRUE(broken([&](auto& plan) { plan.steps[1].waits = {3}; }));
  EXPECT_TRUE(broken([&](auto& plan) { plan.lanes = 0; }));
}

TEST(Followers, OnlyBehindAStepOfTheirLaneAndWithoutWaits) {
  Chain chain;
  const TensorRef x = chain.step(chain.input(kilo));
  const TensorRef a = chain.step(x), b = chain.step(x);
  chain.step(chain.sum(a, b));
  auto& steps = chain.plan.steps;
  chain.plan.lanes = 2;
  steps[2].lane = 1, steps[2].waits = {0}, steps[3].waits = {2};
  const EarlyStarts early = early_starts(chain.plan, std::vector(5, Start::early));
  EXPECT_EQ(early.starts, (std::vector<bool>{false, true, false, false, true}));
  EXPECT_EQ(early.is_followed, (std::vector<bool>{true, false, false, true, false}));
}

TEST(Followers, TheFirstOfALaneFollowsNobody) {
  Chain chain;
  const TensorRef x = chain.input(kilo);
  chain.step(x), chain.step(x);
  chain.plan.lanes = 2, chain.plan.steps[1].lane = 1;
  EXPECT_EQ(early_starts(chain.plan, std::vector(2, Start::early)).starts, (std::vector<bool>{false, false}));
}

/// Five steps on one lane; some kernels are of another kind than `early`.
class LongChain : public testing::Test {
 protected:
  LongChain() {
    TensorRef x = chain_.input(kilo);
    for (int i = 0; i < 5; ++i) x = chain_.step(x);
  }
  /// Step `index` moves to a lane of its own, and waits for step 0.
  void move_away(std::size_t index) {
    chain_.plan.lanes = 2, chain_.plan.steps[index].lane = 1, chain_.plan.steps[index].waits = {0};
  }
  void expect(const std::vector<bool>& starts, const std::vector<bool>& is_followed) const {
    const EarlyStarts early = early_starts(chain_.plan, kinds_);
    EXPECT_EQ(early.starts, starts);
    EXPECT_EQ(early.is_followed, is_followed);
  }

  Chain chain_;
  std::vector<Start> kinds_ = std::vector(5, Start::early);
};

TEST_F(LongChain, WhatMayNotWaitIsLetInByNobody) {
  kinds_[2] = Start::unasked;
  expect({false, true, false, true, true}, {true, false, true, true, false});
}

TEST_F(LongChain, NorByAStepOfAnotherLane) {
  kinds_[3] = Start::unasked;
  move_away(3);
  expect({false, true, true, false, true}, {false, true, true, false, false});
}

TEST_F(LongChain, WhatStartsInOrderComesUninvitedNowhere) {
  kinds_[3] = Start::in_order;
  move_away(3);
  expect({false, true, true, false, true}, {true, true, true, false, false});
}

TEST_F(LongChain, WhatComesUnaskedAndWaitsIsLetInOnItsLane) {
  kinds_[2] = Start::unasked_waiting;
  expect({false, true, true, true, true}, {true, true, true, true, false});
}

TEST_F(LongChain, ButByNoStepOfAnotherLaneAsItWouldComeBehindBoth) {
  kinds_[2] = Start::unasked_waiting;
  move_away(2);
  expect({false, true, false, true, true}, {false, true, false, true, false});
}

TEST_F(LongChain, NothingOfALibraryStartsEarlyWithWhatMayNotWaitBehindIt) {
  kinds_[2] = Start::unasked_waiting, kinds_[3] = Start::unasked;
  expect({false, true, false, false, true}, {true, false, false, true, false});
}

TEST_F(LongChain, NorWithSuchAStepOfAnotherLaneBehindIt) {
  kinds_[2] = Start::unasked_waiting, kinds_[4] = Start::unasked;
  move_away(4);
  chain_.plan.steps[4].waits = {2};
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
  for (Step& step : plan.steps) step.lane = 0, step.waits.clear();
  ASSERT_FALSE(defects(plan).empty());
  EXPECT_NE(defects(plan).front().find("no step has written"), std::string::npos);
}

}  // namespace
}  // namespace peregrine::cuda
