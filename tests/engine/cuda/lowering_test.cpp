// What graphs become: which steps, fused how, stored where.
#include "engine/cuda/lowering/lowering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network.h"
#include "peregrine/error.h"
#include "plan_expectations.h"
#include "plan_lookup.h"

namespace peregrine::test {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAre;

cuda::ExecutionPlan plan_of(const Network& net,
                            cuda::LoweringOptions options = {.precision = Precision::fp32}) {
  return expect_right(net.graph, options);
}

TEST(Lowering, ALayerIsOneStepWithPaddedImage) {
  Network net;
  net.graph.mark_output(net.layer("a", net.input({1, 3, 8, 8}), 16, {3, 2}), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 1}}));
  EXPECT_EQ(plan.arena_bytes, 0);
  const auto& conv = step<cuda::Conv>(plan, "a.conv");
  EXPECT_EQ(conv.activation, cuda::Activation::silu);
  EXPECT_EQ(conv.x.shape, (Shape{1, 4, 8, 8}));
  EXPECT_EQ(conv.weight.strides, (Strides{36, 1, 12, 4}));
  EXPECT_EQ(plan.bindings[0].tensor.shape, (Shape{1, 3, 8, 8}));
  EXPECT_EQ(plan.bindings[0].tensor.strides, (Strides{256, 1, 32, 4}));
}

TEST(Lowering, Fp16CarriesBothBiases) {
  Network net;
  net.graph.mark_output(net.layer("a", net.input({1, 3, 8, 8}), 16), "out");
  const auto half = plan_of(net, {.precision = Precision::fp16}), full = plan_of(net);
  EXPECT_EQ(step<cuda::Conv>(half, "a.conv").bias.dtype, DType::f32);
  EXPECT_EQ(step<cuda::Conv>(half, "a.conv").bias_f16.dtype, DType::f16);
  EXPECT_EQ(step<cuda::Conv>(half, "a.conv").weight.dtype, DType::f16);
  EXPECT_FALSE(step<cuda::Conv>(full, "a.conv").bias_f16);
}

TEST(Lowering, OddOutputsArePaddedToEightChannels) {
  Network net;
  const ValueId hidden = net.layer("a", net.input({1, 3, 8, 8}), 51);
  net.graph.mark_output(net.conv("b", hidden, 1), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(step<cuda::Conv>(plan, "a.conv").y.shape[1], 56);
  EXPECT_EQ(step<cuda::Conv>(plan, "b").x.shape[1], 56);
  EXPECT_EQ(step<cuda::Conv>(plan, "b").y.shape[1], 8);
  EXPECT_EQ(plan.bindings[1].tensor.shape, (Shape{1, 1, 8, 8}));
  EXPECT_EQ(plan.bindings[1].tensor.strides, (Strides{512, 1, 64, 8}));
}

TEST(Lowering, AC2fBlockCopiesNothing) {
  Network net;
  net.graph.mark_output(net.c3k2("b", net.layer("a", net.input({1, 3, 8, 8}), 16), 16), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 5}}));
  const auto& first = step<cuda::Conv>(plan, "b.cv1.conv");
  const auto& last = step<cuda::Conv>(plan, "b.cv2.conv");
  EXPECT_EQ(first.y.buffer, last.x.buffer);  // cv1 writes two thirds of what cv2 reads
  EXPECT_EQ(first.y.strides, last.x.strides);
  const auto& sum = step<cuda::Conv>(plan, "b.m.0.cv2.conv");
  EXPECT_EQ(sum.residual.offset, 8);
  EXPECT_EQ(sum.y.offset, 16);
  EXPECT_EQ(sum.residual_place, cuda::ResidualPlace::after_activation);
}

TEST(Lowering, SiblingsOfAC3kWriteSideBySideAndSumsStayInPlace) {
  Network net;
  net.graph.mark_output(net.c3k("b", net.layer("a", net.input({1, 3, 8, 8}), 16)), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 7}}));
  const auto& both = step<cuda::Conv>(plan, "b.cv1.conv");
  EXPECT_EQ(both.y.shape[1], 16);
  EXPECT_EQ(both.y, step<cuda::Conv>(plan, "b.cv3.conv").x);
  for (const char* name : {"b.m.0.cv2.conv", "b.m.1.cv2.conv"})
    EXPECT_EQ(step<cuda::Conv>(plan, name).y, step<cuda::Conv>(plan, name).residual);

  const auto apart = plan_of(net, {.precision = Precision::fp32, .in_place_residual = false});
  EXPECT_EQ(steps_of(apart), (Steps{{"Conv", 8}}));
  const auto& sum = step<cuda::Conv>(apart, "b.m.0.cv2.conv");
  EXPECT_NE(sum.y, sum.residual);
}

TEST(Lowering, SiblingsNeedTheSameWindowAndNeighbouringPlaces) {
  Network net;
  const ValueId x = net.layer("a", net.input({1, 3, 8, 8}), 8);
  const ValueId first = net.layer("b", x, 8), second = net.layer("c", x, 8);
  const ValueId between = net.unary("between", UnaryKind::tanh, x);
  net.graph.mark_output(net.conv("d", net.concat("cat", {first, between, second}), 8), "far");
  net.graph.mark_output(net.unary("e.act", UnaryKind::relu, net.conv("e", x, 8)), "other activation");
  net.graph.mark_output(net.unary("f.tanh", UnaryKind::tanh, net.layer("f", x, 8, {3})), "other window");
  EXPECT_EQ(steps_of(plan_of(net))["Conv"], 6);

  Network near;
  const ValueId y = near.layer("a", near.input({1, 3, 8, 8}), 8);
  const ValueId c = near.layer("c", y, 8), b = near.layer("b", y, 4);
  near.graph.mark_output(near.conv("d", near.concat("cat", {b, c}), 8), "near");
  const cuda::ExecutionPlan plan = plan_of(near);
  EXPECT_EQ(steps_of(plan)["Conv"], 3);
  EXPECT_EQ(step<cuda::Conv>(plan, "b.conv").y, step<cuda::Conv>(plan, "d").x);  // in the order of the concat
}

TEST(Lowering, SiblingsThatNobodyPlacedShareABuffer) {
  Network net;
  const ValueId x = net.layer("a", net.input({1, 3, 8, 8}), 8);
  const ValueId box = net.layer("box", x, 16, {3}), key = net.layer("kpt", x, 51, {3}),
                mask = net.layer("mask", x, 8, {3});
  net.graph.mark_output(net.conv("box.out", box, 8), "box");
  net.graph.mark_output(net.conv("kpt.out", key, 51), "kpt");
  net.graph.mark_output(net.conv("mask.out", mask, 8), "mask");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 5}}));
  EXPECT_EQ(step<cuda::Conv>(plan, "box.conv").y.shape[1], 16 + 56 + 8);
  EXPECT_EQ(step<cuda::Conv>(plan, "kpt.out").x.offset, 16);
  EXPECT_EQ(step<cuda::Conv>(plan, "kpt.out").x.shape[1], 56);
  EXPECT_EQ(step<cuda::Conv>(plan, "mask.out").x.offset, 72);
  EXPECT_EQ(steps_of(plan_of(net, {.precision = Precision::fp32, .fuse_siblings = false})),
            (Steps{{"Conv", 7}}));
}

TEST(Lowering, AttentionIsOneStepOverContiguousParts) {
  for (bool scale_q : {false, true}) {
    Network net;
    net.graph.mark_output(net.c2psa("b", net.layer("a", net.input({2, 3, 4, 6}), 32), 2, 4, scale_q), "out");
    const cuda::ExecutionPlan plan = plan_of(net);
    EXPECT_EQ(steps_of(plan), (Steps{{"Attention", 1}, {"Conv", 7}, {"Depthwise", 1}}));
    const auto& attention = step<cuda::Attention>(plan, "b.mixed");
    EXPECT_FLOAT_EQ(attention.scale, 0.4f);
    EXPECT_EQ(attention.q.offset, 0);
    EXPECT_EQ(attention.k.offset, 8);
    EXPECT_EQ(attention.v.offset, 16);
    EXPECT_EQ(attention.v.strides, (Strides{24 * 32, 8, 1, 32}));
    const auto& position = step<cuda::Depthwise>(plan, "b.pe");
    EXPECT_EQ(position.x.offset, 16);
    EXPECT_EQ(position.residual.buffer, attention.y.buffer);
    EXPECT_EQ(position.y, position.residual);
  }
}

TEST(Lowering, SppfReadsItsInputOnce) {
  Network net;
  net.graph.mark_output(net.sppf("b", net.layer("a", net.input({1, 3, 8, 8}), 16), 16), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 3}, {"PoolChain", 1}}));
  const auto& chain = step<cuda::PoolChain>(plan, "b.pool0");
  ASSERT_EQ(chain.y.size(), 3u);
  EXPECT_EQ(chain.y[2].offset, 24);
  EXPECT_EQ(chain.x.buffer, step<cuda::Conv>(plan, "b.cv2.conv").x.buffer);
}

TEST(Lowering, GatesOfAnOsnetBlockAreOneStep) {
  Network net;
  const ValueId x = net.layer("a", net.input({1, 3, 8, 8}), 8);
  const ValueId w1 = net.constant("w1", {2, 8, 1, 1}), b1 = net.constant("b1", {2}),
                w2 = net.constant("w2", {8, 2, 1, 1}), b2 = net.constant("b2", {8});
  std::vector<ValueId> gated;
  for (int i = 0; i < 3; ++i) {
    const std::string name = "g" + std::to_string(i);
    const ValueId stream = net.unary(name + ".tanh", UnaryKind::tanh, x);
    const ValueId mean = net.graph.add(name + ".mean", graph::GlobalAveragePool{}, {stream});
    const ValueId hidden =
        net.unary(name + ".relu", UnaryKind::relu, net.graph.add(name + ".1", graph::Conv{}, {mean, w1, b1}));
    const ValueId gate = net.unary(name + ".sig", UnaryKind::sigmoid,
                                   net.graph.add(name + ".2", graph::Conv{}, {hidden, w2, b2}));
    gated.push_back(i == 1 ? net.binary(name, BinaryKind::mul, gate, stream)
                           : net.binary(name, BinaryKind::mul, stream, gate));
  }
  net.graph.mark_output(net.add("sum2", net.add("sum1", gated[0], gated[1]), gated[2]), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 1}, {"GatedSum", 1}, {"Unary", 3}}));
  EXPECT_EQ(step<cuda::GatedSum>(plan, "sum2").x.size(), 3u);
}

TEST(Lowering, ReluAfterAShortcutIsTakenIn) {
  Network net;
  const ValueId x = net.layer("a", net.input({1, 3, 8, 8}), 8);
  const ValueId deep = net.conv("b", net.layer("h", x, 4), 8);
  const ValueId shortcut = net.conv("down", x, 8);
  net.graph.mark_output(net.unary("relu", UnaryKind::relu, net.add("sum", deep, shortcut)), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Conv", 4}}));
  const auto& last = step<cuda::Conv>(plan, "down");  // the later of the two summands
  EXPECT_EQ(last.residual_place, cuda::ResidualPlace::before_activation);
  EXPECT_EQ(last.activation, cuda::Activation::relu);
  EXPECT_THAT(step(plan, "down").nodes, UnorderedElementsAre("down", "sum", "relu"));
}

TEST(Lowering, ValuesThatOthersSeeAreNotSwallowed) {
  Network net;
  const ValueId x = net.conv("a", net.input({1, 3, 8, 8}), 8);
  const ValueId y = net.unary("act", UnaryKind::silu, x);
  net.graph.mark_output(x, "before");
  net.graph.mark_output(y, "after");
  EXPECT_EQ(steps_of(plan_of(net)), (Steps{{"Conv", 1}, {"Unary", 1}}));
}

TEST(Lowering, OneValueUnderTwoNamesAndInputsAsOutputs) {
  Network net;
  const ValueId x = net.input({1, 3, 8, 8}), y = net.conv("a", x, 8);
  net.graph.mark_output(y, "one");
  net.graph.mark_output(y, "two");
  net.graph.mark_output(x, "picture");
  EXPECT_EQ(steps_of(plan_of(net)), (Steps{{"Conv", 1}, {"Copy", 2}}));
}

TEST(Lowering, DecodedHeadIsViewsAndSmallSteps) {
  Network net;
  const ValueId x = net.layer("stem", net.input({1, 3, 16, 16}), 8);
  std::vector<ValueId> levels;
  for (std::int64_t stride : {1, 2}) {
    const std::string name = "l" + std::to_string(stride);
    const ValueId at = stride == 1 ? x : net.layer(name, x, 8, {3, 2});
    const ValueId both =
        net.concat(name + ".cat", {net.conv(name + ".box", at, 64), net.conv(name + ".cls", at, 3)});
    const std::int64_t side = 16 / stride;
    levels.push_back(net.reshape(name + ".flat", both, {1, 67, side * side}));
  }
  const std::int64_t anchors = 256 + 64;
  const std::vector<ValueId> parts = net.split("split", net.concat("all", levels, 2), {64, 3});
  const ValueId bins =
      net.transpose("bins", net.reshape("sides", parts[0], {1, 4, 16, anchors}), {0, 2, 1, 3});
  const ValueId expected =
      net.graph.add("dfl", graph::Conv{},
                    {net.graph.add("soft", graph::Softmax{1}, {bins}), net.constant("w", {1, 16, 1, 1})});
  const std::vector<ValueId> corners =
      net.split("corners", net.reshape("ltrb", expected, {1, 4, anchors}), {2, 2});
  const ValueId centres = net.constant("anchors", {1, 2, anchors}, 8);
  const ValueId low = net.binary("low", BinaryKind::sub, centres, corners[0]),
                high = net.add("high", centres, corners[1]);
  const ValueId middle =
      net.binary("middle", BinaryKind::div, net.add("twice", low, high), net.scalar("2", 2));
  const ValueId boxes = net.binary("boxes", BinaryKind::mul,
                                   net.concat("xywh", {middle, net.binary("wh", BinaryKind::sub, high, low)}),
                                   net.constant("strides", {1, anchors}));
  net.graph.mark_output(net.concat("out", {boxes, net.unary("scores", UnaryKind::sigmoid, parts[1])}),
                        "output0");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(steps_of(plan), (Steps{{"Binary", 6}, {"Conv", 5}, {"Softmax", 1}, {"Unary", 1}}));
}

TEST(Lowering, GraphsOfOneModelHaveOnePlan) {
  const auto text = [] {
    Network net;
    net.graph.mark_output(net.c3k2("b", net.layer("a", net.input({1, 3, 8, 8}), 16), 16, true), "out");
    return cuda::dump(cuda::lower(net.graph, {}));
  };
  EXPECT_EQ(text(), text());
}

TEST(Lowering, RefusesAConstantThatFp16CannotHold) {
  Network net;
  const ValueId x = net.input({1, 3, 8, 8});
  HostTensor weight = HostTensor::zeros(DType::f32, {8, 3, 1, 1});
  weight.as<float>()[3] = 1e5f;
  net.graph.mark_output(
      net.graph.add("a", graph::Conv{}, {x, net.graph.add_constant("w", std::move(weight))}), "out");
  try {
    cuda::lower(net.graph, {.precision = Precision::fp16});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "engine.weights");
    EXPECT_EQ(error.hint(), "Build the engine with --precision fp32.");
    EXPECT_THAT(error.sentence(), HasSubstr("'a'"));
  }
  EXPECT_NO_THROW(cuda::lower(net.graph, {.precision = Precision::fp32}));
}

TEST(Unsupported, NamesEachNodeAndWhy) {
  Network net;
  const ValueId x = net.input({1, 4, 8, 8});
  const ValueId weight = net.constant("w", {4, 4, 3, 3});
  const ValueId y = net.graph.add("grow", graph::ConvTranspose{{2, 2}, {1, 1, 1, 1}, {1, 1}, 1}, {x, weight});
  net.graph.mark_output(net.graph.add("wide", graph::Cast{DType::f64}, {y}), "out");
  const std::vector<std::string> refused = cuda::unsupported(net.graph);
  ASSERT_EQ(refused.size(), 2u);
  EXPECT_THAT(refused[0], HasSubstr("grow (ConvTranspose)"));
  EXPECT_THAT(refused[1], HasSubstr("wide (Cast)"));
  try {
    cuda::lower(net.graph, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "engine.unsupported");
    EXPECT_EQ(error.sentence(), refused[0]);
  }
}

TEST(Signature, IsOfTheFormAloneNotOfNamesOrPlaces) {
  Network net;
  ValueId x = net.layer("a", net.input({1, 3, 8, 8}), 8);
  for (const char* name : {"b", "c", "d"}) x = net.layer(name, x, 8, {3});
  net.graph.mark_output(net.layer("e", x, 8, {3, 2}), "out");
  const cuda::ExecutionPlan plan = plan_of(net);
  EXPECT_EQ(cuda::signature(plan.steps[1]), cuda::signature(plan.steps[3]));
  EXPECT_NE(cuda::signature(plan.steps[0]), cuda::signature(plan.steps[1]));
  EXPECT_NE(cuda::signature(plan.steps[3]), cuda::signature(plan.steps[4]));
}

}  // namespace
}  // namespace peregrine::test
