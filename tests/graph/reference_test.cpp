// The yardstick itself: small enough to compute by hand. OpenVINO, written by others, agrees with it over all
// of the conformance cases (tests/engine/conformance).
#include "graph/reference.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "core/half.h"
#include "peregrine/error.h"

namespace peregrine::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

HostTensor tensor(const Shape& shape, std::vector<float> values) {
  HostTensor result(DType::f32, shape);
  std::ranges::copy(values, result.as<float>());
  return result;
}

std::vector<float> values(const HostTensor& tensor) {
  return {tensor.as<float>(), tensor.as<float>() + tensor.shape().elements()};
}

/// Outputs of one operator; the first tensor is the graph's input, the others are constants.
std::vector<HostTensor> run(Operation operation, std::vector<HostTensor> tensors) {
  Graph graph;
  std::vector<ValueId> ids{graph.add_input("x", DType::f32, tensors[0].shape())};
  for (std::size_t i = 1; i < tensors.size(); ++i)
    ids.push_back(graph.add_constant(std::to_string(i), tensors[i].clone()));
  for (ValueId output : graph.add_node("node", std::move(operation), ids))
    graph.mark_output(output, graph.value(output).name);
  const std::vector<TensorView> inputs{tensors[0].view()};
  return run_reference(graph, inputs);
}

template <class... Tensors>
std::vector<float> result(Operation operation, Tensors... tensors) {
  std::vector<HostTensor> list;
  (list.push_back(std::move(tensors)), ...);
  return values(run(std::move(operation), std::move(list)).front());
}

TEST(Reference, ConvolutionWithPadsStrideAndBias) {
  const auto x = [] { return tensor({1, 1, 2, 3}, {1, 2, 3, 4, 5, 6}); };
  const auto w = [] { return tensor({1, 1, 2, 2}, {1, 10, 100, 1000}); };
  EXPECT_THAT(result(Conv{}, x(), w()), ElementsAre(1 + 20 + 400 + 5000, 2 + 30 + 500 + 6000));
  // One row on top, one column on the right, every second column.
  EXPECT_THAT(result(Conv{.stride = {1, 2}, .pad = {1, 0, 0, 1}}, x(), w(), tensor({1}, {0.5f})),
              ElementsAre(2100.5f, 300.5f, 5421.5f, 603.5f));
  EXPECT_THAT(result(Conv{.dilation = {1, 2}}, x(), w()), ElementsAre(1 + 30 + 400 + 6000));
}

TEST(Reference, ConvolutionInGroups) {
  const HostTensor x = tensor({1, 2, 1, 2}, {1, 2, 3, 4});
  EXPECT_THAT(result(Conv{.groups = 2}, x.clone(), tensor({4, 1, 1, 1}, {1, 10, 100, 1000})),
              ElementsAre(1, 2, 10, 20, 300, 400, 3000, 4000));
}

/// Every sum element by element, as the definition has it; values are small integers, so sums are exact in
/// any order.
std::vector<float> convolve(const Conv& conv, const HostTensor& x, const HostTensor& w, const Shape& y) {
  std::vector<float> all;
  const auto at = [](const HostTensor& t, std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
    const Shape& s = t.shape();
    return c < 0 || c >= s[2] || d < 0 || d >= s[3] ? 0.0f
                                                    : t.as<float>()[((a * s[1] + b) * s[2] + c) * s[3] + d];
  };
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t k = 0; k < y[1]; ++k)
      for (std::int64_t oy = 0; oy < y[2]; ++oy)
        for (std::int64_t ox = 0; ox < y[3]; ++ox) {
          float sum = 0;
          for (std::int64_t c = 0; c < w.shape()[1]; ++c)
            for (std::int64_t ky = 0; ky < w.shape()[2]; ++ky)
              for (std::int64_t kx = 0; kx < w.shape()[3]; ++kx)
                sum += at(w, k, c, ky, kx) * at(x, n, k / (y[1] / conv.groups) * w.shape()[1] + c,
                                                oy * conv.stride[0] + ky * conv.dilation[0] - conv.pad[0],
                                                ox * conv.stride[1] + kx * conv.dilation[1] - conv.pad[1]);
          all.push_back(sum);
        }
  return all;
}

TEST(Reference, ConvolutionsOfEverySizeAreTheirDefinition) {
  int next = 0;
  const auto fill = [&](const Shape& shape) {
    HostTensor t(DType::f32, shape);
    for (std::int64_t i = 0; i < shape.elements(); ++i)
      t.as<float>()[i] = static_cast<float>((next += 7) % 13 - 6);
    return t;
  };
  for (std::int64_t filters : {1, 4, 6, 9})
    for (std::int64_t width : {1, 3, 4, 5, 9})
      for (std::int64_t groups : {1, 2})
        for (const Conv& shape : {Conv{.pad = {1, 1, 1, 1}}, Conv{.stride = {2, 2}, .pad = {1, 1, 1, 1}},
                                  Conv{.dilation = {2, 3}, .pad = {2, 3, 2, 3}}}) {
          Conv conv = shape;
          conv.groups = groups;
          const HostTensor x = fill({2, 2 * groups, 5, width}), w = fill({filters * groups, 2, 3, 3});
          const HostTensor y = std::move(run(conv, [&] {
            std::vector<HostTensor> tensors;
            for (const HostTensor* each : {&x, &w}) tensors.push_back(each->clone());
            return tensors;
          }())[0]);
          EXPECT_EQ(values(y), convolve(conv, x, w, y.shape()))
              << filters << " filters, width " << width << ", groups " << groups;
        }
}

TEST(Reference, TransposedConvolution) {
  EXPECT_THAT(result(ConvTranspose{.stride = {1, 2}}, tensor({1, 1, 1, 2}, {1, 2}),
                     tensor({1, 1, 1, 3}, {1, 10, 100}), tensor({1}, {0.5f})),
              ElementsAre(1.5f, 10.5f, 102.5f, 20.5f, 200.5f));
  EXPECT_THAT(result(ConvTranspose{.stride = {1, 2}, .pad = {0, 1, 0, 0}}, tensor({1, 1, 1, 2}, {1, 2}),
                     tensor({1, 1, 1, 3}, {1, 10, 100})),
              ElementsAre(10, 102, 20, 200));
}

TEST(Reference, MatrixProducts) {
  EXPECT_THAT(
      result(Linear{}, tensor({1, 2}, {1, 2}), tensor({3, 2}, {1, 10, 2, 20, 3, 30}), tensor({3}, {0, 1, 2})),
      ElementsAre(21, 43, 65));
  EXPECT_THAT(result(MatMul{}, tensor({2, 1, 2}, {1, 2, 3, 4}), tensor({2, 2, 1}, {1, 10, 100, 1000})),
              ElementsAre(21, 4300));
}

TEST(Reference, Normalisation) {
  EXPECT_THAT(result(BatchNorm{0}, tensor({1, 2, 1, 1}, {5, 7}), tensor({2}, {2, 3}), tensor({2}, {1, 0}),
                     tensor({2}, {1, 1}), tensor({2}, {4, 9})),
              ElementsAre(5, 6));
  EXPECT_THAT(
      result(InstanceNorm{0}, tensor({1, 1, 1, 4}, {1, 1, 3, 3}), tensor({1}, {10}), tensor({1}, {1})),
      ElementsAre(-9, -9, 11, 11));
  EXPECT_THAT(result(Softmax{1}, tensor({1, 2, 2}, {1000, 0, 1000, 0})), ElementsAre(0.5f, 0.5f, 0.5f, 0.5f));
}

TEST(Reference, Pooling) {
  const auto x = [] { return tensor({1, 1, 2, 2}, {-1, -2, -3, -4}); };
  const graph::Pool window{.kernel = {2, 2}, .pad = {1, 1, 0, 0}};
  EXPECT_THAT(result(window, x()), ElementsAre(-1, -1, -1, -1));  // padding is no zero to a maximum
  graph::Pool mean = window;
  mean.kind = Pool::Kind::average;
  EXPECT_THAT(result(mean, x()), ElementsAre(-1, -1.5f, -2, -2.5f));
  mean.count_padding = true;
  EXPECT_THAT(result(mean, x()), ElementsAre(-0.25f, -0.75f, -1, -2.5f));
  EXPECT_THAT(result(GlobalAveragePool{}, x()), ElementsAre(-2.5f));
}

TEST(Reference, Enlarging) {
  EXPECT_THAT(result(Upsample{.factor = {1, 2}}, tensor({1, 1, 1, 2}, {1, 2})), ElementsAre(1, 1, 2, 2));
  const auto x = tensor({1, 1, 2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(result(Upsample{.kind = Upsample::Kind::bilinear}, x.clone()),
              Pointwise(FloatNear(1e-6f), {1.f, 1.25f, 1.75f, 2.f, 1.5f, 1.75f, 2.25f, 2.5f, 2.5f, 2.75f,
                                           3.25f, 3.5f, 3.f, 3.25f, 3.75f, 4.f}));
}

TEST(Reference, ElementsBroadcastsAndCasts) {
  EXPECT_THAT(result(Binary{Binary::Kind::sub}, tensor({1, 2, 1}, {1, 2}), tensor({3}, {10, 20, 30})),
              ElementsAre(-9, -19, -29, -8, -18, -28));
  EXPECT_THAT(result(Unary{Unary::Kind::silu}, tensor({1, 2}, {0, 100})), ElementsAre(0, 100));
  EXPECT_THAT(result(Cast{DType::f16}, tensor({1, 2}, {1.0004f, 65520})), ElementsAre(1, INFINITY));
  EXPECT_THAT(result(Cast{DType::i64}, tensor({1, 2}, {-1.9f, 2.5f})), ElementsAre(-1, 2));
}

TEST(Reference, Layout) {
  const auto x = [] { return tensor({1, 4, 2}, {0, 1, 2, 3, 4, 5, 6, 7}); };
  EXPECT_THAT(result(Slice{1, 1, 4, 2}, x()), ElementsAre(2, 3, 6, 7));
  EXPECT_THAT(result(Transpose{{2, 0, 1}}, x()), ElementsAre(0, 2, 4, 6, 1, 3, 5, 7));
  EXPECT_THAT(result(Concat{-1}, x(), tensor({1, 4, 1}, {9, 9, 9, 9})),
              ElementsAre(0, 1, 9, 2, 3, 9, 4, 5, 9, 6, 7, 9));
  std::vector<HostTensor> inputs;
  inputs.push_back(x());
  const auto parts = run(Split{1, {1, 3}}, std::move(inputs));
  EXPECT_THAT(values(parts[0]), ElementsAre(0, 1));
  EXPECT_THAT(values(parts[1]), ElementsAre(2, 3, 4, 5, 6, 7));
}

TEST(Reference, GivesInnerValuesInputsAndConstantsWhenAsked) {
  Graph graph;
  const ValueId x = graph.add_input("x", DType::f16, {1, 2});
  const ValueId wide = graph.add("wide", Cast{DType::f32}, {x});
  const ValueId c = graph.add_constant("c", tensor({1}, {3}));
  graph.mark_output(graph.add("scaled", Binary{Binary::Kind::mul}, {wide, c}), "out");
  HostTensor input(DType::f16, {1, 2});
  input.as<Half>()[0] = to_half(1.5f);
  input.as<Half>()[1] = to_half(-2);
  const std::vector<TensorView> inputs{input.view()};
  const std::vector<ValueId> wanted{graph.find("out"), wide, c, x, wide};
  const auto results = run_reference(graph, inputs, wanted);
  EXPECT_THAT(values(results[0]), ElementsAre(4.5f, -6));
  for (std::size_t i : {1u, 3u, 4u}) EXPECT_THAT(values(results[i]), ElementsAre(1.5f, -2));
  EXPECT_THAT(values(results[2]), ElementsAre(3));
}

TEST(Reference, RefusesInputsThatDoNotFit) {
  Graph graph;
  graph.mark_output(graph.add("node", Unary{}, {graph.add_input("x", DType::f32, {1, 2})}), "out");
  const HostTensor wrong = HostTensor::zeros(DType::f32, {1, 3});
  const std::vector<TensorView> one{wrong.view()};
  EXPECT_THROW(run_reference(graph, one), Error);
  EXPECT_THROW(run_reference(graph, {}), Error);
}

/// Attention over all positions of an image, one number each.
Graph attention(std::int64_t positions) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, positions});
  const ValueId row = graph.add("row", Reshape{{1, positions}}, {x});
  const ValueId column = graph.add("column", Reshape{{positions, 1}}, {x});
  graph.mark_output(graph.add("products", MatMul{}, {column, row}), "out");
  return graph;
}

TEST(Reference, NamesWhatNoMemoryHoldsAndRunsASmallerImage) {
  const HostTensor large = HostTensor::zeros(DType::f32, {1, 20000}), small = tensor({1, 2}, {2, 3});
  try {
    run_reference(attention(20000), std::vector{large.view()});
    FAIL() << "4e8 numbers";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "model.size");
    EXPECT_NE(error.sentence().find("node 'products' (MatMul) gives 20000x20000: more than 2^28"),
              std::string::npos)
        << error.sentence();
    EXPECT_NE(error.hint().find("Take a smaller --imgsz"), std::string::npos);
  }
  const auto results = run_reference(attention(2), std::vector{small.view()});
  EXPECT_EQ(values(results[0]), (std::vector<float>{4, 6, 6, 9}));
}

}  // namespace
}  // namespace peregrine::graph
