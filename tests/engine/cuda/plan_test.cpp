// Execution plans, run on the CPU: lowering, fusion, views, memory sharing and order give what the graph
// says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "engine/conformance/conformance.h"
#include "network.h"
#include "peregrine/error.h"
#include "plan_expectations.h"

namespace peregrine::test {
namespace {

/// A network with every block of YOLO11, odd channel counts included.
graph::Graph small_yolo(std::int64_t batch = 1) {
  Network net;
  ValueId x = net.input({batch, 3, 32, 48});
  x = net.layer("0", x, 8, {3, 2});
  x = net.layer("1", x, 16, {3, 2});
  const ValueId p3 = net.c3k2("2", x, 16);
  const ValueId p4 = net.c3k2("4", net.layer("3", p3, 32, {3, 2}), 32, true);
  const ValueId top = net.c2psa("6", net.sppf("5", p4, 32), 2, 4);
  const ValueId up = net.graph.add("7", graph::Upsample{graph::Upsample::Kind::nearest, {2, 2}}, {top});
  const ValueId n3 = net.c3k2("9", net.concat("8", {up, p3}), 16);
  const ValueId n4 = net.c3k2("12", net.concat("11", {net.layer("10", n3, 16, {3, 2}), top}), 32);
  int level = 0;
  for (ValueId from : {n3, n4}) {
    const std::string name = "head" + std::to_string(level), suffix = "." + std::to_string(level);
    net.graph.mark_output(net.conv(name + ".box", net.layer(name + ".box0", from, 16, {3}), 64),
                          "box" + suffix);
    ValueId classes = net.layer(name + ".cls0", from, net.graph.value(from).shape[1],
                                {3, 1, net.graph.value(from).shape[1]});
    classes = net.layer(name + ".cls1", classes, 12);
    net.graph.mark_output(net.conv(name + ".cls", classes, 5), "cls" + suffix);
    net.graph.mark_output(net.conv(name + ".kpt", net.layer(name + ".kpt0", from, 51, {3}), 51),
                          "kpt" + suffix);
    ++level;
  }
  const ValueId weight = net.constant("proto.weight", {16, 11, 2, 2}, 0.3f),
                bias = net.constant("proto.bias", {11}, 0.3f);
  const ValueId proto = net.graph.add("proto.up", graph::ConvTranspose{{2, 2}, {}, {}, 1},
                                      {net.layer("proto.cv1", n3, 16), weight, bias});
  net.graph.mark_output(net.layer("proto.cv2", proto, 7, {3}), "proto");
  return std::move(net.graph);
}

/// OSNet's block: four streams of rising depth, one shared gate, a shortcut with its own convolution.
graph::Graph small_osnet() {
  Network net;
  const ValueId x = net.layer("stem", net.input({2, 3, 16, 12}), 12, {3, 2});
  const ValueId y = net.unary("c1.act", UnaryKind::relu, net.conv("c1", x, 8));
  const ValueId w1 = net.constant("fc1.w", {2, 8, 1, 1}), b1 = net.constant("fc1.b", {2});
  const ValueId w2 = net.constant("fc2.w", {8, 2, 1, 1}), b2 = net.constant("fc2.b", {8});
  ValueId sum = ValueId::none;
  for (int depth = 1; depth <= 4; ++depth) {
    ValueId stream = y;
    const std::string name = "s" + std::to_string(depth);
    for (int i = 0; i < depth; ++i) {
      const std::string layer = name + "." + std::to_string(i);
      stream = net.conv(layer + ".dw", net.conv(layer + ".pw", stream, 8), 8, {3, 1, 8});
      stream = net.unary(layer + ".relu", UnaryKind::relu, stream);
    }
    const ValueId mean = net.graph.add(name + ".mean", graph::GlobalAveragePool{}, {stream});
    const ValueId hidden = net.unary(name + ".relu", UnaryKind::relu,
                                     net.graph.add(name + ".fc1", graph::Conv{}, {mean, w1, b1}));
    const ValueId gate = net.unary(name + ".sig", UnaryKind::sigmoid,
                                   net.graph.add(name + ".fc2", graph::Conv{}, {hidden, w2, b2}));
    const ValueId gated = net.binary(name + ".gated", BinaryKind::mul, stream, gate);
    sum = depth == 1 ? gated : net.add(name + ".sum", sum, gated);
  }
  const ValueId out =
      net.unary("out", UnaryKind::relu, net.add("sum", net.conv("c3", sum, 16), net.conv("down", x, 16)));
  const ValueId norm = net.graph.add("in", graph::InstanceNorm{},
                                     {out, net.constant("in.w", {16}), net.constant("in.b", {16})});
  const ValueId pooled =
      net.graph.add("gap", graph::GlobalAveragePool{}, {net.unary("in.relu", UnaryKind::relu, norm)});
  const ValueId flat = net.reshape("flat", pooled, {2, 16});
  net.graph.mark_output(net.graph.add("fc", graph::Linear{},
                                      {flat, net.constant("fc.w", {10, 16}), net.constant("fc.b", {10})}),
                        "features");
  return std::move(net.graph);
}

struct Setting {
  const char* name;
  Precision precision = Precision::fp32;
  int input_channels = 4;
  bool fuse_siblings = true, in_place_residual = true;
  int max_streams = 6;
};

class Settings : public testing::TestWithParam<Setting> {
 protected:
  cuda::LoweringOptions options() const {
    const Setting& s = GetParam();
    return {s.precision, s.input_channels, s.fuse_siblings, s.in_place_residual, s.max_streams};
  }
};

TEST_P(Settings, YoloIsRight) { expect_right(small_yolo(), options()); }
TEST_P(Settings, YoloInABatchIsRight) { expect_right(small_yolo(3), options()); }
TEST_P(Settings, OsnetIsRight) { expect_right(small_osnet(), options()); }

INSTANTIATE_TEST_SUITE_P(Plan, Settings,
                         testing::Values(Setting{"fp32"}, Setting{"fp16", Precision::fp16},
                                         Setting{"three_channels", Precision::fp32, 3},
                                         Setting{"eight_channels", Precision::fp16, 8},
                                         Setting{"no_siblings", Precision::fp32, 4, false},
                                         Setting{"no_overwriting", Precision::fp32, 4, true, false},
                                         Setting{"one_lane", Precision::fp32, 4, true, true, 1},
                                         Setting{"plain", Precision::fp32, 3, false, false, 2}),
                         [](const auto& info) { return info.param.name; });

class Conformance : public testing::TestWithParam<conformance::Case> {};

TEST_P(Conformance, PlanIsRight) {
  const graph::Graph graph = GetParam().make();
  const std::vector<std::string> refused = cuda::unsupported(graph);
  if (!refused.empty()) {
    EXPECT_THROW(cuda::lower(graph, {}), Error);
    GTEST_SKIP() << refused.front();
  }
  for (Precision precision : {Precision::fp32, Precision::fp16}) {
    cuda::LoweringOptions options;
    options.precision = precision;
    expect_right(graph, options);
  }
}

std::vector<conformance::Case> all_cases() {
  std::vector<conformance::Case> cases = conformance::operator_cases();
  for (conformance::Case& block : conformance::block_cases()) cases.push_back(std::move(block));
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Plan, Conformance, testing::ValuesIn(all_cases()), [](const auto& info) {
  std::string name = info.param.name;
  std::ranges::replace_if(
      name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace peregrine::test
