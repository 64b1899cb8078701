// Every operator with several parameters and shapes: odd sizes, strides, asymmetric pads, groups, batch above
// one.
#include <fmt/format.h>

#include <utility>

#include "engine/conformance/conformance.h"
#include "engine/conformance/random.h"

namespace peregrine::conformance {

namespace {

using namespace graph;

/// One operator: the first `shapes` are inputs of the graph, `constants` follow them.
struct OperatorCase {
  const char* variant;
  Operation operation;
  std::vector<Shape> shapes;
  std::vector<Shape> constants = {};
  ValueRange range = {};
  double slack = 1;
};

Graph make_graph(const OperatorCase& entry) {
  Graph graph;
  std::vector<ValueId> inputs;
  for (const Shape& shape : entry.shapes)
    inputs.push_back(graph.add_input(fmt::format("in.{}", inputs.size()), DType::f32, shape));
  for (const Shape& shape : entry.constants) {
    const auto seed = static_cast<std::uint32_t>(inputs.size()) + 100;
    inputs.push_back(graph.add_constant(fmt::format("constant.{}", inputs.size()),
                                        random_tensor(shape, seed, entry.range)));
  }
  int i = 0;
  for (ValueId output : graph.add_node("node", entry.operation, inputs))
    graph.mark_output(output, fmt::format("out.{}", i++));
  return graph;
}

// clang-format off
const std::vector<OperatorCase>& convolutions() {
  static const std::vector<OperatorCase> entries{
      {"1x1", Conv{}, {{1, 16, 10, 12}}, {{24, 16, 1, 1}, {24}}},
      {"1x1-no-bias", Conv{}, {{1, 8, 5, 7}}, {{8, 8, 1, 1}}},
      {"1x1-odd-channels", Conv{}, {{2, 3, 9, 9}}, {{5, 3, 1, 1}, {5}}},
      {"1x1-stride2", Conv{.stride = {2, 2}}, {{1, 8, 9, 9}}, {{16, 8, 1, 1}, {16}}},
      {"3x3-same", Conv{.pad = {1, 1, 1, 1}}, {{1, 16, 12, 10}}, {{32, 16, 3, 3}, {32}}},
      {"3x3-valid", Conv{}, {{1, 4, 7, 9}}, {{6, 4, 3, 3}, {6}}},
      {"3x3-stem", Conv{.stride = {2, 2}, .pad = {1, 1, 1, 1}}, {{1, 3, 32, 48}}, {{16, 3, 3, 3}, {16}}},
      {"3x3-stride2-odd", Conv{.stride = {2, 2}, .pad = {1, 1, 1, 1}}, {{2, 8, 15, 13}},
          {{16, 8, 3, 3}, {16}}},
      {"3x3-asymmetric-pad", Conv{.stride = {2, 1}, .pad = {0, 2, 1, 0}}, {{1, 8, 11, 6}},
          {{8, 8, 3, 3}, {8}}},
      {"3x3-dilated", Conv{.dilation = {2, 3}, .pad = {2, 3, 2, 3}}, {{1, 8, 13, 15}}, {{8, 8, 3, 3}, {8}}},
      {"7x7-stride2", Conv{.stride = {2, 2}, .pad = {3, 3, 3, 3}}, {{1, 3, 32, 16}}, {{16, 3, 7, 7}, {16}}},
      {"1x5", Conv{.pad = {0, 2, 0, 2}}, {{1, 8, 6, 11}}, {{8, 8, 1, 5}, {8}}},
      {"batch4", Conv{.pad = {1, 1, 1, 1}}, {{4, 16, 8, 8}}, {{16, 16, 3, 3}, {16}}},
      {"many-channels", Conv{.pad = {1, 1, 1, 1}}, {{1, 256, 5, 5}}, {{64, 256, 3, 3}, {64}}, {}, 2},
      {"single-pixel", Conv{}, {{1, 64, 1, 1}}, {{10, 64, 1, 1}, {10}}},
      {"depthwise", Conv{.pad = {1, 1, 1, 1}, .groups = 16}, {{1, 16, 9, 11}}, {{16, 1, 3, 3}, {16}}},
      {"depthwise-stride2", Conv{.stride = {2, 2}, .pad = {1, 1, 1, 1}, .groups = 24}, {{2, 24, 9, 10}},
          {{24, 1, 3, 3}, {24}}},
      {"depthwise-odd-channels", Conv{.pad = {1, 1, 1, 1}, .groups = 5}, {{1, 5, 7, 7}}, {{5, 1, 3, 3}}},
      {"depthwise-multiplier", Conv{.pad = {1, 1, 1, 1}, .groups = 8}, {{1, 8, 7, 7}}, {{16, 1, 3, 3}, {16}}},
      {"groups4", Conv{.pad = {1, 1, 1, 1}, .groups = 4}, {{1, 16, 8, 8}}, {{32, 4, 3, 3}, {32}}},
  };
  return entries;
}

const std::vector<OperatorCase>& transposed_convolutions() {
  static const std::vector<OperatorCase> entries{
      {"2x2-stride2", ConvTranspose{.stride = {2, 2}}, {{1, 16, 8, 10}}, {{16, 8, 2, 2}, {8}}},
      {"2x2-stride2-batch", ConvTranspose{.stride = {2, 2}}, {{3, 8, 5, 5}}, {{8, 8, 2, 2}}},
      {"3x3-padded", ConvTranspose{.stride = {2, 2}, .pad = {1, 1, 1, 1}, .output_pad = {1, 1}},
          {{1, 8, 6, 7}}, {{8, 4, 3, 3}, {4}}},
      {"3x3-asymmetric", ConvTranspose{.stride = {1, 2}, .pad = {1, 0, 0, 1}}, {{1, 4, 6, 7}},
          {{4, 6, 3, 3}, {6}}},
      {"groups2", ConvTranspose{.stride = {2, 2}, .groups = 2}, {{1, 8, 5, 4}}, {{8, 3, 2, 2}, {6}}},
  };
  return entries;
}

const std::vector<OperatorCase>& products() {
  static const std::vector<OperatorCase> entries{
      {"plain", Linear{}, {{1, 64}}, {{32, 64}, {32}}},
      {"batch-no-bias", Linear{}, {{5, 33}}, {{7, 33}}},
      {"two-dimensions", MatMul{}, {{6, 17}, {17, 9}}},
      {"attention", MatMul{}, {{2, 2, 25, 16}, {2, 2, 16, 25}}},
      {"constant", MatMul{}, {{1, 3, 8, 12}}, {{1, 3, 12, 4}}},
  };
  return entries;
}

const std::vector<OperatorCase>& normalisations() {
  static const std::vector<OperatorCase> entries{
      {"map", BatchNorm{1e-3f}, {{2, 6, 5, 7}}, {{6}, {6}, {6}, {6}}, positive, 4},
      {"vector", BatchNorm{}, {{3, 10}}, {{10}, {10}, {10}, {10}}, positive, 4},
      {"map", InstanceNorm{}, {{2, 6, 9, 7}}, {{6}, {6}}, positive, 4},
      {"last-axis", Softmax{-1}, {{1, 2, 9, 17}}, {}, {}, 2},
      {"middle-axis", Softmax{1}, {{2, 16, 4, 10}}, {}, {}, 2},
      {"second-to-last", Softmax{2}, {{1, 4, 16, 30}}, {}, {}, 2},
  };
  return entries;
}

const std::vector<OperatorCase>& elementwise() {
  static const std::vector<OperatorCase> entries{
      {"map", Unary{Unary::Kind::relu}, {{1, 5, 7, 9}}},
      {"map", Unary{Unary::Kind::silu}, {{2, 8, 7, 9}}},
      {"map", Unary{Unary::Kind::sigmoid}, {{1, 8, 7, 9}}},
      {"map", Unary{Unary::Kind::tanh}, {{1, 8, 7, 9}}},
      {"map", Unary{Unary::Kind::exp}, {{1, 8, 7, 9}}},
      {"vector", Unary{Unary::Kind::neg}, {{3, 17}}},
      {"maps", Binary{Binary::Kind::add}, {{2, 8, 5, 7}, {2, 8, 5, 7}}},
      {"maps", Binary{Binary::Kind::sub}, {{1, 8, 5, 7}, {1, 8, 5, 7}}},
      {"maps", Binary{Binary::Kind::mul}, {{1, 8, 5, 7}, {1, 8, 5, 7}}},
      {"scalar", Binary{Binary::Kind::mul}, {{1, 8, 5, 7}}, {{1}}},
      {"gate", Binary{Binary::Kind::mul}, {{2, 8, 5, 7}, {2, 8, 1, 1}}},
      {"channels", Binary{Binary::Kind::add}, {{2, 8, 5, 7}}, {{8, 1, 1}}},
      {"both-ways", Binary{Binary::Kind::add}, {{1, 8, 1, 7}, {1, 1, 5, 7}}},
      {"constant", Binary{Binary::Kind::div}, {{1, 8, 5, 7}}, {{1, 8, 1, 1}}, positive, 2},
      {"fp16", Cast{DType::f16}, {{1, 3, 5, 7}}},
      {"fp32", Cast{DType::f32}, {{1, 3, 5, 7}}},
      {"fp64", Cast{DType::f64}, {{1, 3, 5, 7}}},
  };
  return entries;
}

const std::vector<OperatorCase>& windows() {
  static const std::vector<OperatorCase> entries{
      {"5x5-same", Pool{.kernel = {5, 5}, .stride = {1, 1}, .pad = {2, 2, 2, 2}}, {{1, 16, 10, 9}}},
      {"3x3-stride2", Pool{.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}}, {{2, 8, 15, 12}}},
      {"2x3-asymmetric", Pool{.kernel = {2, 3}, .stride = {2, 1}, .pad = {0, 1, 1, 0}}, {{1, 8, 7, 8}}},
      {"2x2-stride2", Pool{.kind = Pool::Kind::average, .kernel = {2, 2}, .stride = {2, 2}},
          {{2, 8, 12, 10}}},
      {"3x3-border", Pool{.kind = Pool::Kind::average, .kernel = {3, 3}, .stride = {1, 1}, .pad = {1, 1,
          1, 1}}, {{1, 8, 6, 7}}},
      {"3x3-count-padding", Pool{.kind = Pool::Kind::average, .kernel = {3, 3}, .stride = {2, 2},
          .pad = {1, 1, 1, 1}, .count_padding = true}, {{1, 8, 7, 7}}},
      {"map", GlobalAveragePool{}, {{2, 12, 9, 7}}},
      {"single-pixel", GlobalAveragePool{}, {{1, 12, 1, 1}}},
      {"nearest-2x", Upsample{}, {{1, 16, 5, 7}}},
      {"nearest-3x2-batch", Upsample{.factor = {3, 2}}, {{2, 4, 4, 5}}},
      {"bilinear-2x", Upsample{.kind = Upsample::Kind::bilinear}, {{1, 8, 5, 7}}},
      {"bilinear-4x", Upsample{.kind = Upsample::Kind::bilinear, .factor = {4, 4}}, {{1, 3, 3, 4}}},
  };
  return entries;
}

const std::vector<OperatorCase>& layouts() {
  static const std::vector<OperatorCase> entries{
      {"channels", Concat{}, {{1, 8, 6, 5}, {1, 16, 6, 5}, {1, 3, 6, 5}}},
      {"batch", Concat{0}, {{1, 4, 6, 5}, {2, 4, 6, 5}}},
      {"last", Concat{-1}, {{1, 4, 20}, {1, 4, 5}}},
      {"halves", Split{1, {8, 8}}, {{2, 16, 5, 6}}},
      {"uneven", Split{1, {3, 8, 5}}, {{1, 16, 5, 6}}},
      {"rows", Split{2, {16, 16, 32}}, {{1, 2, 64, 9}}},
      {"last", Split{-1, {4, 6}}, {{1, 3, 10}}},
      {"channels", Slice{1, 2, 7}, {{1, 8, 5, 6}}},
      {"stepped", Slice{3, 1, 10, 2}, {{1, 4, 5, 11}}},
      {"last", Slice{-1, 0, 3}, {{2, 3, 7}}},
      {"flatten", Reshape{{2, 60}}, {{2, 3, 4, 5}}},
      {"heads", Reshape{{1, 2, 32, 25}}, {{1, 64, 5, 5}}},
      {"join-maps", Reshape{{1, 6, 35}}, {{1, 6, 5, 7}}},
      {"like", Reshape{{1, 6, 5, 7}}, {{1, 2, 3, 35}, {1, 4, 5, 7}}},
      {"last-two", Transpose{{0, 1, 3, 2}}, {{1, 2, 9, 16}}},
      {"channels-last", Transpose{{0, 2, 3, 1}}, {{2, 5, 4, 6}}},
      {"three-dimensions", Transpose{{2, 0, 1}}, {{3, 4, 5}}},
  };
  return entries;
}
// clang-format on

Case to_case(const OperatorCase& entry) {
  return {fmt::format("{}.{}", name_of(entry.operation), entry.variant),
          [entry] { return make_graph(entry); }, entry.slack};
}

}  // namespace

std::vector<Case> operator_cases() {
  std::vector<Case> cases;
  for (const auto* entries : {&convolutions(), &transposed_convolutions(), &products(), &normalisations(),
                              &elementwise(), &windows(), &layouts()})
    for (const OperatorCase& entry : *entries) cases.push_back(to_case(entry));
  // The root needs positive values, which the inputs are not: a sigmoid makes them so.
  cases.push_back({"Sqrt.map",
                   [] {
                     Graph graph;
                     const ValueId x = graph.add_input("in.0", DType::f32, {1, 8, 7, 9});
                     const ValueId above_zero = graph.add("sigmoid", Unary{Unary::Kind::sigmoid}, {x});
                     graph.mark_output(graph.add("node", Unary{Unary::Kind::sqrt}, {above_zero}), "out.0");
                     return graph;
                   },
                   1});
  return cases;
}

}  // namespace peregrine::conformance
