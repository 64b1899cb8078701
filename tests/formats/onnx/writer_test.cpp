#include "formats/onnx/write/writer.h"

#include <gmock/gmock.h>

#include "core/half.h"
#include "formats/onnx/files.h"
#include "graph/head.h"
#include "graph/passes.h"

namespace peregrine::onnx {
namespace {

using graph::Binary;
using graph::Graph;
using graph::Unary;
using graph::ValueId;
using ::testing::HasSubstr;

/// Values that FP16 holds exactly, so that one graph serves both precisions.
HostTensor weights(const Shape& shape) {
  HostTensor tensor(DType::f32, shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    tensor.as<float>()[i] = static_cast<float>(37 * i % 101 - 50) / 64.0f + 0.25f;
  return tensor;
}

HostTensor squares(const Shape& shape) {
  HostTensor tensor = weights(shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i) tensor.as<float>()[i] *= tensor.as<float>()[i];
  return tensor;
}

/// Every operator of the graph but Cast, which files of one type have no use for.
Graph every_operator(std::int64_t batch) {
  Graph g;
  int constants = 0;
  const auto constant = [&](const Shape& shape) {
    return g.add_constant("weight" + std::to_string(constants++), weights(shape));
  };
  const ValueId x = g.add_input(graph::input_name, DType::f32, {batch, 3, 8, 8});
  ValueId y = g.add("conv", graph::Conv{.stride = {2, 1}, .dilation = {1, 2}, .pad = {1, 0, 2, 1}},
                    {x, constant({4, 3, 3, 3}), constant({4})});
  y = g.add("silu", Unary{Unary::Kind::silu}, {y});
  y = g.add("grouped", graph::Conv{.groups = 2}, {y, constant({4, 2, 1, 1})});
  y = g.add("relu", Unary{Unary::Kind::relu}, {y});
  y = g.add("batch_norm", graph::BatchNorm{0.01f},
            {y, constant({4}), constant({4}), constant({4}), g.add_constant("variance", squares({4}))});
  y = g.add("instance_norm", graph::InstanceNorm{0.02f}, {y, constant({4}), constant({4})});
  y = g.add("deconv", graph::ConvTranspose{.stride = {2, 2}, .pad = {0, 1, 0, 0}, .output_pad = {1, 0}},
            {y, constant({4, 2, 2, 2}), constant({2})});
  y = g.add("max", graph::Pool{.kernel = {2, 2}, .stride = {2, 1}, .pad = {0, 1, 0, 0}}, {y});
  y = g.add(
      "mean",
      graph::Pool{
          .kind = graph::Pool::Kind::average, .kernel = {3, 2}, .pad = {1, 0, 1, 0}, .count_padding = true},
      {y});
  y = g.add("nearest", graph::Upsample{.factor = {2, 1}}, {y});
  y = g.add("bilinear", graph::Upsample{.kind = graph::Upsample::Kind::bilinear, .factor = {1, 2}}, {y});
  const std::vector<ValueId> halves = g.add_node("split", graph::Split{1, {1, 1}}, {y});
  ValueId z = g.add("exp", Unary{Unary::Kind::exp}, {halves[0]});
  z = g.add("sqrt", Unary{Unary::Kind::sqrt}, {z});
  z = g.add("neg", Unary{Unary::Kind::neg}, {z});
  z = g.add("tanh", Unary{Unary::Kind::tanh}, {z});
  z = g.add("sigmoid", Unary{Unary::Kind::sigmoid}, {z});
  z = g.add("sub", Binary{Binary::Kind::sub}, {z, halves[1]});
  z = g.add("div", Binary{Binary::Kind::div}, {z, g.add("square", Binary{Binary::Kind::mul}, {y, y})});
  z = g.add("concat", graph::Concat{1}, {z, y});
  z = g.add("slice", graph::Slice{.axis = 3, .start = 1, .end = 6, .step = 2}, {z});
  const Shape& s = g.value(z).shape;
  const ValueId flat = g.add("flat", graph::Reshape{{batch, s[1], s[2] * s[3]}}, {z});
  const ValueId turned = g.add("turned", graph::Transpose{{0, 2, 1}}, {flat});
  const ValueId soft =
      g.add("softmax", graph::Softmax{1}, {g.add("product", graph::MatMul{}, {flat, turned})});
  const ValueId pooled = g.add("global", graph::GlobalAveragePool{},
                               {g.add("square_again", graph::Reshape{{batch, s[1], s[1], 1}}, {soft})});
  const ValueId features =
      g.add("linear", graph::Linear{},
            {g.add("row", graph::Reshape{{batch, s[1]}}, {pooled}), constant({6, s[1]}), constant({6})});
  g.mark_output(features, graph::features_output);
  graph::run_passes(g);
  return g;
}

/// Features, where the outputs are not named after a head.
Model read_back(const std::string& bytes) {
  return read_bytes_as_model(std::as_bytes(std::span(bytes)), "test.onnx", TaskHint{.task = Task::reid});
}

TEST(OnnxWriter, ReadingBackGivesTheSameGraph) {
  const Graph graph = every_operator(1);
  for (const DType precision : {DType::f32, DType::f16}) {
    const Graph back = read_back(serialize(graph, {.precision = precision})).graph({1, 8, 8});
    EXPECT_EQ(graph::digest(back), graph::digest(graph)) << to_string(precision) << "\n"
                                                         << graph::dump(graph) << graph::dump(back);
  }
}

TEST(OnnxWriter, NodesKeepTheirNames) {
  const Graph graph = every_operator(1), back = read_back(serialize(graph, {})).graph({1, 8, 8});
  ASSERT_EQ(back.nodes().size(), graph.nodes().size());
  for (std::size_t i = 0; i < graph.nodes().size(); ++i)
    EXPECT_EQ(back.nodes()[i].name, graph.nodes()[i].name);
}

TEST(OnnxWriter, AnOpenBatchTakesAnyBatch) {
  const Model model = read_back(serialize(every_operator(7), {.open_batch = true}));
  EXPECT_EQ(model.info().fixed_batch, 0);
  for (const int batch : {1, 2, 7})
    EXPECT_EQ(graph::digest(model.graph({batch, 8, 8})), graph::digest(every_operator(batch))) << batch;
  EXPECT_EQ(read_back(serialize(every_operator(2), {})).info().fixed_batch, 2);
}

TEST(OnnxWriter, AnOpenBatchMustNotBeMixed) {
  const auto refusal = [](auto mix) {
    Graph graph;
    graph.mark_output(mix(graph, graph.add_input(graph::input_name, DType::f32, {7, 3, 4, 4})), "features");
    return error_of([&] { serialize(graph, {.open_batch = true}); }).sentence();
  };
  EXPECT_THAT(refusal([](Graph& g, ValueId x) {
                return g.add("all", graph::Reshape{{1, 21, 4, 4}}, {x});
              }),
              HasSubstr("'all'"));
  EXPECT_THAT(refusal([](Graph& g, ValueId x) {
                return g.add("twice", graph::Concat{0}, {x, x});
              }),
              HasSubstr("'twice'"));
  EXPECT_THAT(refusal([](Graph& g, ValueId x) { return g.add("first", graph::Slice{.end = 1}, {x}); }),
              HasSubstr("'first'"));
  EXPECT_THAT(refusal([](Graph& g, ValueId x) {
                return g.add_node("apart", graph::Split{0, {3, 4}}, {x})[0];
              }),
              HasSubstr("'apart'"));
  const auto constant = [](Graph& g) { return g.add_constant("c", weights({7, 3, 4, 4})); };
  EXPECT_THAT(refusal([&](Graph& g, ValueId x) {
                return g.add("sum", Binary{}, {x, constant(g)});
              }),
              HasSubstr("'sum'"));
  EXPECT_THAT(refusal([&](Graph& g, ValueId x) {
                return g.add("product", graph::MatMul{}, {x, constant(g)});
              }),
              HasSubstr("'product' takes a constant for each image"));
  EXPECT_THAT(refusal([&](Graph& g, ValueId x) {
                return g.add("joined", graph::Concat{1}, {x, constant(g)});
              }),
              HasSubstr("'joined'"));
}

TEST(OnnxWriter, ValuesThatAreOutputsTwiceAndNamesThatClash) {
  Graph graph;
  const ValueId x = graph.add_input(graph::input_name, DType::f32, {1, 3, 8, 8});
  const ValueId a = graph.add("box.0", Unary{}, {x});  // called as an output that another value is
  const ValueId pooled = graph.add("pooled", graph::Pool{.kernel = {8, 8}, .stride = {8, 8}}, {a});
  const ValueId w = graph.add_constant("pooled", weights({64, 3, 1, 1}));
  const ValueId box = graph.add("conv", graph::Conv{}, {pooled, w});
  graph.mark_output(box, "box.0");
  graph.mark_output(box, "cls.0");
  const Model model = read_back(serialize(graph, {.precision = DType::f32}));
  EXPECT_EQ(graph::digest(model.graph({1, 8, 8})), graph::digest(graph));
}

TEST(OnnxWriter, RefusesWeightsBeyondFp16) {
  Graph graph;
  const ValueId x = graph.add_input(graph::input_name, DType::f32, {1, 3, 8, 8});
  HostTensor big = HostTensor::zeros(DType::f32, {1});
  big.as<float>()[0] = 70000;
  graph.mark_output(
      graph.add("scaled", Binary{Binary::Kind::mul}, {x, graph.add_constant("big", std::move(big))}),
      "features");
  const Error error = error_of([&] { serialize(graph, {.precision = DType::f16}); });
  EXPECT_EQ(error.code(), "model.precision");
  EXPECT_THAT(error.sentence(), HasSubstr("'big'"));
  EXPECT_NO_THROW(serialize(graph, {.precision = DType::f32}));
}

}  // namespace
}  // namespace peregrine::onnx
