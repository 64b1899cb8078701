#include "graph/passes.h"

#include <gmock/gmock.h>

#include "graph/passes/all.h"
#include "graph/support.h"

namespace peregrine::graph {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> operators(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) names.emplace_back(name_of(node.operation));
  return names;
}

std::vector<float> input_of(const Graph& graph, std::string_view node, std::size_t index) {
  return values(*graph.value(graph.producer(graph.find(node))->inputs.at(index)).constant);
}

TEST(FoldConstants, ComputesWhatIsKnown) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, 2});
  const ValueId c = graph.add_constant("c", floats({2}, {1, 2}));
  const ValueId d = graph.add("d", Binary{}, {c, c});
  const auto halves = graph.add_node("halves", Split{.axis = 0, .sizes = {1, 1}}, {d});
  graph.mark_output(
      graph.add("out", Binary{Binary::Kind::mul}, {x, graph.add("swap", Concat{0}, {halves[1], halves[0]})}),
      "out");
  fold_constants(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Mul"));
  EXPECT_THAT(input_of(graph, "out", 1), ElementsAre(4, 2));
}

TEST(FoldConstants, LeavesOutputsHalvesAndConvolutions) {
  Graph graph;
  const ValueId x = graph.add_constant("x", HostTensor::zeros(DType::f32, {1, 1, 2, 2}));
  const ValueId h = graph.add_constant("h", HostTensor::zeros(DType::f16, {2}));
  graph.mark_output(graph.add("known", Unary{}, {x}), "known");
  graph.mark_output(graph.add("cast", Cast{}, {graph.add("half", Binary{}, {h, h})}), "half");
  const ValueId w = graph.add_constant("w", HostTensor::zeros(DType::f32, {1, 1, 1, 1}));
  graph.mark_output(graph.add("relu", Unary{}, {graph.add("conv", Conv{}, {x, w})}), "conv");
  const std::string before = dump(graph);
  fold_constants(graph);
  EXPECT_EQ(dump(graph), before);
}

TEST(FoldConstants, LeavesWhatWouldBeLarge) {
  Graph graph;
  const ValueId tall = graph.add_constant("tall", HostTensor::zeros(DType::f32, {1 << 13, 1}));
  const ValueId wide = graph.add_constant("wide", HostTensor::zeros(DType::f32, {1 << 14}));
  const ValueId sum = graph.add("sum", Binary{}, {tall, wide});  // 2^27 elements
  graph.mark_output(graph.add("relu", Unary{}, {sum}), "out");
  fold_constants(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Add", "Relu"));
}

TEST(RemoveIdentities, RemovesWhatChangesNothing) {
  Graph graph;
  ValueId x = graph.add_input("images", DType::f32, {1, 4, 2});
  x = graph.add("relu", Unary{}, {x});
  x = graph.add("cast", Cast{DType::f32}, {x});
  x = graph.add("reshape", Reshape{{1, 4, 2}}, {x});
  x = graph.add("transpose", Transpose{{0, 1, 2}}, {x});
  x = graph.add("concat", Concat{}, {x});
  x = graph.add_node("split", Split{.axis = 1, .sizes = {4}}, {x}).front();
  x = graph.add("slice", Slice{.axis = 1, .start = 0, .end = 4}, {x});
  graph.mark_output(x, "features");
  remove_identities(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Relu"));
  EXPECT_EQ(graph.find("features"), graph.find("relu"));
}

TEST(RemoveIdentities, KeepsWhatMovesOrConverts) {
  Graph graph;
  ValueId x = graph.add_input("images", DType::f32, {1, 2, 2});
  x = graph.add("transpose", Transpose{{0, 2, 1}}, {x});
  x = graph.add("reshape", Reshape{{1, 1, 2, 2}}, {x});
  x = graph.add("slice", Slice{.axis = 2, .start = 1, .end = 2}, {x});
  x = graph.add("concat", Concat{2}, {x, x});
  graph.mark_output(graph.add("cast", Cast{DType::f16}, {x}), "features");
  const ValueId y = graph.add_input("second", DType::f32, {2});
  graph.mark_output(graph.add("copy", Cast{DType::f32}, {y}), "copy of an input");
  const std::string before = dump(graph);
  remove_identities(graph);
  EXPECT_EQ(dump(graph), before);
}

TEST(FuseSilu, SeesBothOrders) {
  Graph graph;
  ValueId x = graph.add_input("images", DType::f32, {1, 4});
  ValueId y =
      graph.add("first", Binary{Binary::Kind::mul}, {x, graph.add("s1", Unary{Unary::Kind::sigmoid}, {x})});
  y = graph.add("second", Binary{Binary::Kind::mul}, {graph.add("s2", Unary{Unary::Kind::sigmoid}, {y}), y});
  graph.mark_output(y, "features");
  fuse_silu(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Silu", "Silu"));
}

TEST(FuseSilu, KeepsASigmoidThatOthersUse) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, 4});
  const ValueId s = graph.add("s", Unary{Unary::Kind::sigmoid}, {x});
  graph.mark_output(graph.add("silu", Binary{Binary::Kind::mul}, {x, s}), "a");
  graph.mark_output(s, "b");
  fuse_silu(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Sigmoid", "Silu"));
}

TEST(FuseSilu, LeavesOtherMultiplications) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, 4}),
                y = graph.add_input("gate", DType::f32, {1, 4});
  const ValueId s = graph.add("s", Unary{Unary::Kind::sigmoid}, {y}),
                t = graph.add("t", Unary{Unary::Kind::tanh}, {x});
  graph.mark_output(graph.add("gated", Binary{Binary::Kind::mul}, {x, s}), "a");
  graph.mark_output(graph.add("mish", Binary{Binary::Kind::mul}, {x, t}), "b");
  graph.mark_output(graph.add("sum", Binary{Binary::Kind::add}, {y, s}), "c");
  fuse_silu(graph);
  EXPECT_THAT(operators(graph), ElementsAre("Sigmoid", "Tanh", "Mul", "Mul", "Add"));
}

/// A graph of one producer ("layer") that the cases below follow with what should vanish.
struct Layer {
  Graph graph;
  ValueId layer;

  static Layer conv(bool bias) {
    Layer l;
    const ValueId x = l.graph.add_input("images", DType::f32, {1, 1, 2, 2});
    std::vector inputs{x, l.graph.add_constant("weight", floats({2, 1, 1, 2}, {1, 2, 3, 4}))};
    if (bias) inputs.push_back(l.graph.add_constant("bias", floats({2}, {10, 20})));
    l.layer = l.graph.add("layer", Conv{}, inputs);
    return l;
  }
  void follow(Binary::Kind kind, const Shape& shape, std::initializer_list<float> constant,
              bool constant_first = false) {
    const ValueId c = graph.add_constant("c", floats(shape, constant));
    layer = graph.add("after", Binary{kind}, constant_first ? std::vector{c, layer} : std::vector{layer, c});
  }
  void finish() {
    graph.mark_output(layer, "features");
    fold_batch_norm(graph);
  }
};

TEST(AbsorbAffine, BatchNormIntoConv) {
  Layer l = Layer::conv(true);
  const auto parameter = [&](const char* name, std::initializer_list<float> v) {
    return l.graph.add_constant(name, floats({2}, v));
  };
  // variance + epsilon = 4 and 0.25: divides by 2 and 0.5
  l.layer = l.graph.add("bn", BatchNorm{.epsilon = 0.125f},
                        {l.layer, parameter("scale", {2, 1}), parameter("shift", {5, 6}),
                         parameter("mean", {1, 2}), parameter("variance", {3.875f, 0.125f})});
  l.finish();
  EXPECT_THAT(operators(l.graph), ElementsAre("Conv"));
  EXPECT_THAT(input_of(l.graph, "layer", 1), ElementsAre(1, 2, 6, 8));
  EXPECT_THAT(input_of(l.graph, "layer", 2), ElementsAre((10 - 1) * 1 + 5, (20 - 2) * 2 + 6));
}

TEST(AbsorbAffine, ConstantsOfEveryPerChannelShape) {
  for (const Shape& shape : {Shape{1, 2, 1, 1}, Shape{2, 1, 1}}) {
    Layer l = Layer::conv(true);
    l.follow(Binary::Kind::mul, shape, {2, 3}, true);
    l.finish();
    EXPECT_THAT(operators(l.graph), ElementsAre("Conv")) << to_string(shape);
    EXPECT_THAT(input_of(l.graph, "layer", 1), ElementsAre(2, 4, 9, 12));
    EXPECT_THAT(input_of(l.graph, "layer", 2), ElementsAre(20, 60));
  }
  Layer scalar = Layer::conv(false);
  scalar.follow(Binary::Kind::sub, {}, {7});
  scalar.finish();
  EXPECT_THAT(operators(scalar.graph), ElementsAre("Conv"));
  EXPECT_THAT(input_of(scalar.graph, "layer", 1), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(input_of(scalar.graph, "layer", 2), ElementsAre(-7, -7));
  Layer quotient = Layer::conv(true);
  quotient.follow(Binary::Kind::div, {1}, {2});
  quotient.finish();
  EXPECT_THAT(input_of(quotient.graph, "layer", 2), ElementsAre(5, 10));
}

TEST(AbsorbAffine, AChainOneAfterTheOther) {
  Layer l = Layer::conv(false);
  l.follow(Binary::Kind::mul, {}, {2});
  const ValueId c = l.graph.add_constant("d", floats({1}, {3}));
  l.layer = l.graph.add("last", Binary{Binary::Kind::add}, {l.layer, c});
  l.finish();
  EXPECT_THAT(operators(l.graph), ElementsAre("Conv"));
  EXPECT_THAT(input_of(l.graph, "layer", 1), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(input_of(l.graph, "layer", 2), ElementsAre(3, 3));
}

TEST(AbsorbAffine, TransposedConvolutionInGroups) {
  Layer l;
  const ValueId x = l.graph.add_input("images", DType::f32, {1, 4, 1, 1});
  // 4 input channels in 2 groups, 2 output channels a group: weight [4,2,1,1], output channel = 2 * group +
  // column
  l.layer = l.graph.add("layer", ConvTranspose{.groups = 2},
                        {x, l.graph.add_constant("w", floats({4, 2, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1}))});
  l.follow(Binary::Kind::mul, {1, 4, 1, 1}, {1, 2, 3, 4});
  l.finish();
  EXPECT_THAT(input_of(l.graph, "layer", 1), ElementsAre(1, 2, 1, 2, 3, 4, 3, 4));
}

TEST(AbsorbAffine, Linear) {
  Layer l;
  const ValueId x = l.graph.add_input("images", DType::f32, {1, 2});
  l.layer = l.graph.add("layer", ::peregrine::graph::Linear{},
                        {x, l.graph.add_constant("w", floats({2, 2}, {1, 2, 3, 4}))});
  l.follow(Binary::Kind::mul, {2}, {2, 3});
  l.finish();
  EXPECT_THAT(operators(l.graph), ElementsAre("Linear"));
  EXPECT_THAT(input_of(l.graph, "layer", 1), ElementsAre(2, 4, 9, 12));
}

TEST(AbsorbAffine, DoesNotFireWhereItWouldChangeResults) {
  const auto stays = [](Layer l, const char* why) {
    l.graph.mark_output(l.layer, "features");
    const std::string before = dump(l.graph);
    fold_batch_norm(l.graph);
    EXPECT_EQ(dump(l.graph), before) << why;
  };
  Layer along_width = Layer::conv(true);
  along_width.layer =
      along_width.graph.add("wide", Conv{.pad = {0, 0, 0, 1}},
                            {along_width.graph.find("images"), along_width.graph.find("weight")});
  along_width.graph.mark_output(along_width.graph.find("layer"), "beside");
  along_width.follow(Binary::Kind::mul, {2}, {1, 2});
  stays(std::move(along_width), "two columns are not two channels");

  Layer shared = Layer::conv(true);
  const ValueId conv = shared.layer;
  shared.follow(Binary::Kind::mul, {}, {2});
  shared.graph.mark_output(conv, "seen before the factor");
  stays(std::move(shared), "the value between is an output");

  Layer twice = Layer::conv(true);
  const ValueId used = twice.layer;
  twice.follow(Binary::Kind::mul, {}, {2});
  twice.layer = twice.graph.add("sum", Binary{}, {twice.layer, used});
  stays(std::move(twice), "the value between is used twice");

  Layer reversed = Layer::conv(true);
  reversed.follow(Binary::Kind::sub, {}, {2}, true);
  stays(std::move(reversed), "c - x is not x - c");

  Layer zero = Layer::conv(true);
  zero.follow(Binary::Kind::div, {}, {0});
  stays(std::move(zero), "infinite weights");

  Layer enlarging = Layer::conv(true);
  enlarging.follow(Binary::Kind::add, {2, 1, 1, 1}, {1, 2});
  stays(std::move(enlarging), "the constant makes a batch of two");

  Layer activated = Layer::conv(true);
  activated.layer = activated.graph.add("relu", Unary{}, {activated.layer});
  activated.follow(Binary::Kind::mul, {}, {2});
  stays(std::move(activated), "no weights before the factor");

  Layer computed = Layer::conv(true);
  const ValueId weight = computed.graph.add_input("weight input", DType::f32, {2, 1, 1, 2});
  const ValueId x = computed.graph.find("images");
  computed.graph.mark_output(computed.layer, "beside");
  computed.layer = computed.graph.add("dynamic", Conv{}, {x, weight});
  computed.follow(Binary::Kind::mul, {}, {2});
  stays(std::move(computed), "the weight is no constant");
}

TEST(RemoveUnused, SweepsNodesAndConstants) {
  Layer l = Layer::conv(true);
  const ValueId x = l.graph.find("images");
  l.graph.mark_output(l.graph.add("relu", Unary{}, {x}), "features");
  remove_unused(l.graph);
  EXPECT_THAT(operators(l.graph), ElementsAre("Relu"));
  EXPECT_EQ(l.graph.value_count(), 2U);
}

TEST(Passes, TogetherLeaveTheGraphThatEnginesExpect) {
  Layer l = Layer::conv(false);
  const auto parameter = [&](const char* name, float v) {
    return l.graph.add_constant(name, floats({2}, {v, v}));
  };
  ValueId y = l.graph.add("cast", Cast{DType::f32}, {l.layer});
  y = l.graph.add(
      "bn", BatchNorm{},
      {y, parameter("scale", 1), parameter("shift", 0), parameter("mean", 0), parameter("variance", 1)});
  y = l.graph.add("mul", Binary{Binary::Kind::mul},
                  {y, l.graph.add("sigmoid", Unary{Unary::Kind::sigmoid}, {y})});
  l.graph.mark_output(y, "features");
  run_passes(l.graph);
  EXPECT_THAT(operators(l.graph), ElementsAre("Conv", "Silu"));
  const std::string once = digest(l.graph);
  run_passes(l.graph);
  EXPECT_EQ(digest(l.graph), once) << "a second run finds nothing to do";
  for (const Pass& pass : passes()) EXPECT_FALSE(pass.reason.empty()) << pass.name;
}

}  // namespace
}  // namespace peregrine::graph
