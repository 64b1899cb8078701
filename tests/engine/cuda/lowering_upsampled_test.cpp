// What becomes of upsampled maps and the convolutions behind them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/cuda/plan/plan_check.h"
#include "engine/cuda/plan/schedule.h"
#include "network.h"
#include "plan_expectations.h"
#include "plan_lookup.h"

namespace peregrine::test {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

cuda::ExecutionPlan plan_of(const Network& net) {
  return expect_right(net.graph, {.precision = Precision::fp32});
}

/// 3x3 behind a transposed 2x2, with biases that show where padding was.
ValueId upsampled(Network& net, ValueId x, std::int64_t middle, std::int64_t channels) {
  const ValueId weight = net.constant("up.weight", {net.graph.value(x).shape[1], middle, 2, 2}, 0.5f);
  const ValueId bias = net.constant("up.bias", {middle}, 2);
  const ValueId large = net.graph.add("up", graph::ConvTranspose{{2, 2}, {}, {}, 1}, {x, weight, bias});
  return net.layer("behind", large, channels, {3});
}

TEST(Lowering, AConvolutionOfAnUpsampledMapReadsTheSmallOne) {
  for (const Shape& shape : {Shape{1, 8, 5, 7}, Shape{3, 16, 2, 2}, Shape{2, 5, 2, 9}, Shape{1, 24, 6, 3}})
    for (std::int64_t channels : {8, 16, 7}) {
      Network net;
      net.graph.mark_output(upsampled(net, net.unary("x", UnaryKind::tanh, net.input(shape)), 16, channels),
                            "out");
      const cuda::ExecutionPlan plan = plan_of(net);
      EXPECT_EQ(steps_of(plan), (Steps{{"Unary", 1}, {"Conv", 12}})) << to_string(shape) << ", " << channels;
      const auto& inner = step<cuda::Conv>(plan, "behind.conv:odd.inner");
      EXPECT_EQ(inner.y.shape, (Shape{shape[0], channels == 16 ? 32 : 16, shape[2] - 1, shape[3] - 1}));
      EXPECT_EQ(inner.pad, (std::array<std::int64_t, 4>{}));
    }
}

TEST(Lowering, PartsOfAnUpsampledConvolutionWaitForEachOtherNowhere) {
  Network net;
  net.graph.mark_output(
      net.conv("last", upsampled(net, net.layer("a", net.input({2, 3, 6, 6}), 16), 16, 16), 8), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  for (std::int32_t i = 1; i <= 12; ++i)
    EXPECT_EQ(cuda::data_dependencies(plan, i), std::vector<std::int32_t>{0}) << i;
  EXPECT_EQ(cuda::data_dependencies(plan, 13).size(), 12u);
}

TEST(Lowering, AnUpsampledConvolutionInAConcatIsCopiedThere) {
  Network net;
  const ValueId x = net.layer("a", net.input({2, 3, 6, 6}), 16);
  const ValueId beside =
      net.graph.add("nearest", graph::Upsample{graph::Upsample::Kind::nearest, {2, 2}}, {x});
  net.graph.mark_output(net.conv("last", net.concat("cat", {upsampled(net, x, 16, 8), beside}), 8, {3}),
                        "out");
  EXPECT_EQ(steps_of(plan_of(net)), (Steps{{"Conv", 14}, {"Upsample", 1}, {"Copy", 1}}));
}

TEST(Lowering, UpsamplingStaysApartWhereSomethingReadsTheLargeMapOrMergingWouldBeMoreWork) {
  const auto convolutions = [](std::int64_t channels, bool read_twice) {
    Network net;
    const ValueId x = net.layer("a", net.input({1, 3, 6, 6}), channels);
    net.graph.mark_output(upsampled(net, x, 8, 8), "out");
    if (read_twice) net.graph.mark_output(net.graph.find("up"), "large");
    return steps_of(plan_of(net))["Conv"];
  };
  EXPECT_EQ(convolutions(8, false), 13);
  EXPECT_EQ(convolutions(8, true), 2);
  EXPECT_EQ(convolutions(32, false), 2);
}

TEST(Lowering, UpsampleWritesStraightIntoTheConcat) {
  Network net;
  const ValueId x = net.layer("a", net.input({1, 3, 8, 8}), 8), y = net.layer("b", x, 8, {3, 2});
  const ValueId up = net.graph.add("up", graph::Upsample{graph::Upsample::Kind::nearest, {2, 2}}, {y});
  net.graph.mark_output(net.conv("c", net.concat("cat", {up, x}), 8, {3}), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 3}, {"Upsample", 1}}));
  EXPECT_EQ(step<cuda::Upsample>(plan, "up").y.strides[3], 16);
}

/// A 1x1 layer of x's map and of a smaller one, upsampled; whichever comes first.
struct Pyramid {
  Network net;
  ValueId x, up, cat;

  explicit Pyramid(bool up_first = true, graph::Upsample upsample = {}, int others = 1) {
    x = net.layer("a", net.input({2, 3, 8, 12}), 8);
    up = net.graph.add("up", upsample, {net.layer("b", x, 24, {3, upsample.factor[0]})});
    std::vector<ValueId> parts(static_cast<std::size_t>(others), x);
    parts.insert(up_first ? parts.begin() : parts.end(), up);
    cat = net.concat("cat", parts);
  }
  cuda::ExecutionPlan plan(std::int64_t channels = 16) {
    net.graph.mark_output(net.layer("c", cat, channels), "out");
    return plan_of(net);
  }
};

TEST(Lowering, AProductOfAnUpsampledMapIsTakenOfTheSmallOne) {
  for (bool up_first : {false, true}) {
    const cuda::ExecutionPlan plan = Pyramid(up_first).plan();
    EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 4}}));
    const auto &small = step<cuda::Conv>(plan, "up"), &large = step<cuda::Conv>(plan, "c.conv");
    EXPECT_EQ(small.y, large.residual);
    EXPECT_EQ(small.y.shape, (Shape{2, 16, 4, 6}));
    EXPECT_EQ(small.activation, cuda::Activation::none);
    EXPECT_FALSE(small.bias);
    EXPECT_TRUE(large.bias);
    EXPECT_EQ(large.residual_place, cuda::ResidualPlace::before_activation);
    EXPECT_EQ(large.x.strides[3], 8);  // no concat any more
    EXPECT_THAT(step(plan, "c.conv").nodes, UnorderedElementsAre("c.conv", "c.act", "cat"));
    EXPECT_TRUE(
        std::ranges::none_of(plan.values, [](const auto& value) { return value.name == "c.conv:small"; }));
  }
}

TEST(Lowering, AnUpsampledMapThatOthersReadOrThatIsAnotherThanADoubledOneStaysWhole) {
  const auto upsamplings = [](Pyramid& pyramid, std::int64_t channels = 16) {
    return steps_of(pyramid.plan(channels))["Upsample"];
  };
  using Kind = graph::Upsample::Kind;
  Pyramid read_elsewhere, joined_elsewhere, output, much_wider;
  Pyramid quadrupled(true, {Kind::nearest, {4, 4}}), bilinear(true, {Kind::bilinear, {2, 2}}),
      three(true, {}, 2);
  read_elsewhere.net.graph.mark_output(read_elsewhere.net.conv("d", read_elsewhere.up, 8), "other");
  joined_elsewhere.net.graph.mark_output(joined_elsewhere.net.conv("d", joined_elsewhere.cat, 8, {3}),
                                         "other");
  output.net.graph.mark_output(output.up, "other");
  for (Pyramid* pyramid : {&read_elsewhere, &joined_elsewhere, &output, &quadrupled, &three, &bilinear})
    EXPECT_EQ(upsamplings(*pyramid), 1);
  EXPECT_EQ(upsamplings(much_wider, 104), 1);
  Pyramid as_wide;
  EXPECT_EQ(upsamplings(as_wide, 96), 0);
}

TEST(Lowering, AMapThatIsAddedTwiceAsLargeIsNotOverwritten) {
  Pyramid pyramid;
  const auto plan = pyramid.plan(24);
  EXPECT_NE(step<cuda::Conv>(plan, "c.conv").y.buffer, step<cuda::Conv>(plan, "up").y.buffer);
}

TEST(Defects, AResidualOfAnotherShape) {
  for (std::size_t axis = 0; axis < 4; ++axis) {
    cuda::ExecutionPlan plan = Pyramid().plan();
    EXPECT_TRUE(cuda::defects(plan).empty());
    const auto conv = std::ranges::find(plan.steps, "c.conv", &cuda::Step::name);
    std::get<cuda::Conv>(conv->operation).residual.shape[axis] = 1;
    const std::vector<std::string> found = cuda::defects(plan);
    ASSERT_FALSE(found.empty()) << axis;
    EXPECT_THAT(found.front(), HasSubstr("another shape"));
  }
}

}  // namespace
}  // namespace peregrine::test
