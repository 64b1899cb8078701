// Which pairs of convolutions become one step, and what the plan is then.
#include "engine/cuda/lowering/fuse/conv_pairs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "network.h"
#include "plan_expectations.h"
#include "plan_lookup.h"

namespace peregrine::test {
namespace {

bool always(const cuda::Step&, const cuda::Step&) { return true; }

/// Lowered, with those of its pairs as one step that `take` wants; right before and after.
cuda::ExecutionPlan fused(const Network& net, const cuda::SelectPair& take = always,
                          cuda::LoweringOptions options = {.precision = Precision::fp32}) {
  cuda::ExecutionPlan plan = cuda::fuse_conv_pairs(expect_right(net.graph, options), take);
  expect_plan_right(net.graph, plan);
  return plan;
}

/// Steps of a network in whose middle is what `build` makes of a map of 16 channels, every pair taken.
template <class F>
Steps steps_behind_16_channels(F&& build) {
  Network net;
  const ValueId x = net.layer("a", net.input({1, 3, 8, 8}), 16);
  net.graph.mark_output(net.conv("last", build(net, x), 8), "out");
  return steps_of(fused(net));
}

TEST(Bottlenecks, OfAC2fBlockIsOneStepThatKnowsItsNodes) {
  Network net;
  net.graph.mark_output(net.c3k2("b", net.layer("a", net.input({2, 3, 8, 8}), 16), 16), "out");
  const cuda::ExecutionPlan plan = fused(net, always, {.precision = Precision::fp16});
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 3}, {"Bottleneck", 1}}));
  const cuda::Step& pair = step(plan, "b.m.0.cv2.conv");
  EXPECT_EQ(pair.nodes.size(), 5u);
  const auto& bottleneck = std::get<cuda::Bottleneck>(pair.operation);
  EXPECT_EQ(bottleneck.x.offset, 8);
  EXPECT_EQ(bottleneck.y.offset, 16);
}

TEST(Bottlenecks, OfAC3kBlockLeaveTheirPlaceWhileNeighboursReadIt) {
  Network net;
  net.graph.mark_output(net.c3k("b", net.layer("a", net.input({1, 3, 8, 8}), 16)), "out");
  const cuda::ExecutionPlan before = expect_right(net.graph, {.precision = Precision::fp32}),
                            plan = fused(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 3}, {"Bottleneck", 2}}));
  const auto& first = std::get<cuda::Bottleneck>(step(plan, "b.m.0.cv2.conv").operation);
  const auto& second = std::get<cuda::Bottleneck>(step(plan, "b.m.1.cv2.conv").operation);
  EXPECT_EQ(second.x, first.y);
  EXPECT_EQ(second.y, first.x);  // where the concat wants it

  const auto one = [&](const std::string& name) {
    return steps_of(fused(net, [&](const cuda::Step&, const cuda::Step& pair) { return pair.name == name; }));
  };
  EXPECT_EQ(one("b.m.0.cv2.conv"), (Steps{{"Conv", 5}, {"Bottleneck", 1}}));
  EXPECT_EQ(one("b.m.1.cv2.conv"),
            (Steps{{"Conv", 7}}));  // over its own input, which it could only leave with the first one
}

TEST(Bottlenecks, AStepThatMovedLosesItsChoiceAndOthersKeepTheirs) {
  Network net;
  net.graph.mark_output(net.c3k("b", net.layer("a", net.input({1, 3, 8, 8}), 16)), "out");
  cuda::ExecutionPlan plan = cuda::lower(net.graph, {});
  for (cuda::Step& one : plan.steps) one.tactic.provider = "chosen";
  plan = cuda::fuse_conv_pairs(
      plan, [](const cuda::Step&, const cuda::Step& pair) { return pair.name == "b.m.0.cv2.conv"; });
  for (const cuda::Step& one : plan.steps) {
    const bool moved = one.name == "b.m.0.cv2.conv" || one.name.starts_with("b.m.1");
    EXPECT_EQ(one.tactic.provider, moved ? "" : "chosen") << one.name;
  }
}

/// The second pair reads what the first one moved; what the two took apart is still known.
TEST(Bottlenecks, AreTakenWhereTheyAreFaster) {
  Network net;
  net.graph.mark_output(net.c3k("b", net.layer("a", net.input({1, 3, 8, 8}), 16)), "out");
  const auto bottlenecks = [&](float convolution, float pair) {
    cuda::ExecutionPlan apart = cuda::lower(net.graph, {});
    for (cuda::Step& one : apart.steps) one.tactic.provider = "chosen", one.tactic.microseconds = convolution;
    cuda::ExecutionPlan merged = cuda::fuse_conv_pairs(apart, always);
    for (cuda::Step& one : merged.steps) one.tactic.provider = "chosen", one.tactic.microseconds = pair;
    return steps_of(cuda::fuse_conv_pairs(apart, cuda::faster_fused_pairs(apart, merged)))["Bottleneck"];
  };
  EXPECT_EQ(bottlenecks(10, 19), 2);
  EXPECT_EQ(bottlenecks(10, 21), 0);
  EXPECT_EQ(bottlenecks(10, 0), 0);  // not measured
}

TEST(Bottlenecks, AnotherPlanCanTakeTheSame) {
  Network net;
  net.graph.mark_output(net.c3k("b", net.layer("a", net.input({1, 3, 8, 8}), 16)), "out");
  const auto of_streams = [&](int streams) {
    return cuda::lower(net.graph, {.precision = Precision::fp32, .max_streams = streams});
  };
  const cuda::ExecutionPlan tuned = cuda::fuse_conv_pairs(of_streams(6), always);
  const cuda::ExecutionPlan chain = cuda::fuse_conv_pairs(of_streams(1), cuda::fused_pairs_of(tuned));
  EXPECT_EQ(steps_of(chain), steps_of(tuned));
  EXPECT_EQ(chain.streams, 1);
  EXPECT_EQ(cuda::fuse_conv_pairs(of_streams(1), cuda::fused_pairs_of(of_streams(6))), of_streams(1));
}

TEST(Bottlenecks, AreNoneWhereSomethingElseIsAskedFor) {
  const auto count = [](auto&& build) { return steps_behind_16_channels(build)["Bottleneck"]; };
  EXPECT_EQ(count([](Network& net, ValueId x) { return net.bottleneck("b", x, 8); }), 1);
  EXPECT_EQ(count([](Network& net, ValueId x) { return net.bottleneck("b", x, 72); }), 0);  // too wide
  EXPECT_EQ(count([](Network& net, ValueId x) { return net.layer("c", net.layer("b", x, 8, {3}), 16, {3}); }),
            0);                                  // no sum
  EXPECT_EQ(count([](Network& net, ValueId x) {  // the sum is with something else
              return net.add("sum", net.layer("c", net.layer("b", x, 8, {3}), 16, {3}),
                             net.unary("t", UnaryKind::tanh, x));
            }),
            0);
  EXPECT_EQ(count([](Network& net, ValueId x) {  // the hidden map has a second reader
              const ValueId hidden = net.layer("b", x, 16, {3});
              const ValueId sum = net.add("sum", x, net.layer("c", hidden, 16, {3}));
              return net.add("more", sum, net.unary("t", UnaryKind::tanh, hidden));
            }),
            0);
  EXPECT_EQ(count([](Network& net, ValueId x) {  // another window
              return net.add("sum", x, net.layer("c", net.layer("b", x, 8), 16, {3}));
            }),
            0);
}

TEST(DepthwisePointwiseFusion, OfAHeadAreAStepEachThatKnowsItsNodes) {
  Network net;
  const ValueId x = net.layer("a", net.input({2, 3, 9, 7}), 16);
  net.graph.mark_output(net.conv("last", net.separable("c", net.separable("b", x, 24), 24), 8), "out");
  const cuda::ExecutionPlan plan = fused(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 2}, {"DepthwisePointwise", 2}}));
  const cuda::Step& pair = step(plan, "b.pw.conv");
  EXPECT_EQ(pair.nodes.size(), 4u);
  const auto& separable = std::get<cuda::DepthwisePointwise>(pair.operation);
  EXPECT_EQ(separable.x.shape[1], 16);
  EXPECT_EQ(separable.y.shape[1], 24);
  EXPECT_EQ(std::get<cuda::DepthwisePointwise>(step(plan, "c.pw.conv").operation).x, separable.y);
  const cuda::ExecutionPlan one =
      fused(net, [](const cuda::Step&, const cuda::Step& second) { return second.name == "c.pw.conv"; });
  EXPECT_EQ(steps_of(one), (Steps{{"Conv", 3}, {"Depthwise", 1}, {"DepthwisePointwise", 1}}));
}

TEST(DepthwisePointwiseFusion, AreNoneWhereSomethingElseIsAskedFor) {
  const auto count = [](auto&& build) { return steps_behind_16_channels(build)["DepthwisePointwise"]; };
  EXPECT_EQ(count([](Network& net, ValueId x) { return net.separable("b", x, 16); }), 1);
  EXPECT_EQ(count([](Network& net, ValueId x) { return net.separable("b", net.layer("w", x, 520), 16); }),
            0);  // too wide
  EXPECT_EQ(count([](Network& net, ValueId x) {
              return net.layer("c", net.layer("b", x, 16, {3, 2, 16}), 16);
            }),
            0);
  EXPECT_EQ(count([](Network& net, ValueId x) {
              return net.layer("c", net.layer("b", x, 16, {5, 1, 16}), 16);
            }),
            0);
  EXPECT_EQ(count([](Network& net, ValueId x) {
              return net.layer("c", net.layer("b", x, 16, {3, 1, 16}), 16, {3});
            }),
            0);
  EXPECT_EQ(count([](Network& net, ValueId x) {  // the hidden map has a second reader
              const ValueId hidden = net.layer("b", x, 16, {3, 1, 16});
              return net.add("more", net.layer("c", hidden, 16), net.unary("t", UnaryKind::tanh, hidden));
            }),
            0);
  EXPECT_EQ(count([](Network& net, ValueId x) {  // the hidden map is an output
              const ValueId hidden = net.layer("b", x, 16, {3, 1, 16});
              net.graph.mark_output(hidden, "hidden");
              return net.layer("c", hidden, 16);
            }),
            0);
  EXPECT_EQ(count([](Network& net, ValueId x) {  // it lies in one buffer with something that is read later
              const ValueId hidden = net.layer("b", x, 16, {3, 1, 16});
              return net.conv("d", net.concat("cat", {hidden, net.layer("c", hidden, 16)}), 16);
            }),
            0);
}

}  // namespace
}  // namespace peregrine::test
