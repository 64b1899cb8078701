// Operators in company: what engines fuse, alias or lay out differently, and blocks whose sizes stay open.
#include <fmt/format.h>

#include <cmath>

#include "engine/conformance/conformance.h"
#include "engine/conformance/random.h"

namespace peregrine::conformance {

namespace {

using namespace graph;

constexpr Unary silu{Unary::Kind::silu}, relu{Unary::Kind::relu}, sigmoid{Unary::Kind::sigmoid};
constexpr Binary add{Binary::Kind::add}, mul{Binary::Kind::mul};

/// A graph under construction, with weights that keep values near one.
class Net {
 public:
  ValueId input(const Shape& shape) {
    return graph_.add_input(fmt::format("in.{}", graph_.inputs().size()), DType::f32, shape);
  }

  ValueId apply(Operation operation, std::vector<ValueId> inputs) {
    return graph_.add(next_name(), std::move(operation), std::move(inputs));
  }
  std::vector<ValueId> split(Split operation, ValueId x) {
    return graph_.add_node(next_name(), std::move(operation), {x});
  }

  /// Square convolution with the padding that keeps the size at stride 1.
  ValueId conv(ValueId x, std::int64_t filters, std::int64_t kernel, std::int64_t stride = 1,
               std::int64_t groups = 1) {
    const std::int64_t channels = shape(x)[1] / groups, pad = kernel / 2;
    const ValueId weight = constant({filters, channels, kernel, kernel}, channels * kernel * kernel);
    return apply(Conv{.stride = {stride, stride}, .pad = {pad, pad, pad, pad}, .groups = groups},
                 {x, weight, constant({filters}, 1)});
  }
  ValueId conv_silu(ValueId x, std::int64_t filters, std::int64_t kernel, std::int64_t stride = 1,
                    std::int64_t groups = 1) {
    return apply(silu, {conv(x, filters, kernel, stride, groups)});
  }
  /// Twice the size, by a transposed convolution.
  ValueId enlarge(ValueId x, std::int64_t filters) {
    const ValueId weight = constant({shape(x)[1], filters, 2, 2}, shape(x)[1]);
    return apply(ConvTranspose{.stride = {2, 2}}, {x, weight, constant({filters}, 1)});
  }
  ValueId linear(ValueId x, std::int64_t features) {
    return apply(Linear{}, {x, constant({features, shape(x)[1]}, shape(x)[1]), constant({features}, 1)});
  }

  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }
  void output(ValueId id) { graph_.mark_output(id, fmt::format("out.{}", graph_.outputs().size())); }
  Graph finish() { return std::move(graph_); }

 private:
  std::string next_name() { return fmt::format("node.{}", graph_.nodes().size()); }
  ValueId constant(const Shape& shape, std::int64_t terms) {
    const float limit = 2.0f / std::sqrt(static_cast<float>(terms));
    ++seed_;
    return graph_.add_constant(fmt::format("constant.{}", seed_),
                               random_tensor(shape, seed_, {-limit, limit}));
  }

  Graph graph_;
  std::uint32_t seed_ = 0;
};

using Size = std::int64_t;

/// YOLO's C2f and C3k2: split, bottlenecks with a residual, everything joined again.
Graph split_and_join(Size n, Size h, Size w) {
  Net net;
  const ValueId x = net.conv_silu(net.input({n, 8, h, w}), 32, 1);
  std::vector<ValueId> parts = net.split({1, {16, 16}}, x);
  const ValueId inner = net.conv_silu(net.conv_silu(parts[1], 8, 3), 16, 3);
  parts.push_back(net.apply(add, {parts[1], inner}));
  net.output(net.conv_silu(net.apply(Concat{}, parts), 24, 1));
  return net.finish();
}

/// SPPF: one value pooled three times, all four joined.
Graph pyramid(Size n, Size h, Size w) {
  Net net;
  std::vector<ValueId> levels{net.conv_silu(net.input({n, 16, h, w}), 8, 1)};
  for (int i = 0; i < 3; ++i)
    levels.push_back(net.apply(Pool{.kernel = {5, 5}, .pad = {2, 2, 2, 2}}, {levels.back()}));
  net.output(net.conv_silu(net.apply(Concat{}, levels), 16, 1));
  return net.finish();
}

/// YOLO11's attention: heads by reshape, queries times keys, softmax, values, and a depthwise convolution of
/// the values.
Graph attention(Size n, Size h, Size w) {
  constexpr Size heads = 2, key = 8, value = 16;
  Net net;
  const ValueId x = net.input({n, 32, h, w});
  const ValueId qkv =
      net.apply(Reshape{{n, heads, 2 * key + value, h * w}}, {net.conv(x, heads * (2 * key + value), 1)});
  const std::vector<ValueId> parts = net.split({2, {key, key, value}}, qkv);
  const ValueId scores = net.apply(MatMul{}, {net.apply(Transpose{{0, 1, 3, 2}}, {parts[0]}), parts[1]});
  const ValueId weights = net.apply(Transpose{{0, 1, 3, 2}}, {net.apply(Softmax{-1}, {scores})});
  const ValueId mixed = net.apply(Reshape{{n, 32, h, w}}, {net.apply(MatMul{}, {parts[2], weights}), x});
  const ValueId position = net.conv(net.apply(Reshape{{n, 32, h, w}}, {parts[2], x}), 32, 3, 1, 32);
  net.output(net.apply(add, {x, net.conv(net.apply(add, {mixed, position}), 32, 1)}));
  return net.finish();
}

/// Two scales: down, up again, joined; both are outputs, as the branches of a head are.
Graph two_scales(Size n, Size h, Size w) {
  Net net;
  const ValueId fine = net.conv_silu(net.input({n, 3, h, w}), 16, 3, 2);
  const ValueId coarse = net.conv_silu(fine, 32, 3, 2);
  const ValueId joined = net.apply(Concat{}, {net.apply(Upsample{}, {coarse}), fine});
  net.output(net.conv(net.conv_silu(joined, 16, 3), 20, 1));
  net.output(net.conv(net.conv_silu(net.conv_silu(coarse, 32, 3, 1, 32), 16, 1), 20, 1));
  return net.finish();
}

/// OSNet's shared gate, then pooled features and a linear layer.
Graph gate_and_features(Size n, Size h, Size w) {
  Net net;
  const ValueId x = net.input({n, 16, h, w});
  const ValueId squeezed = net.apply(relu, {net.conv(net.apply(GlobalAveragePool{}, {x}), 4, 1)});
  const ValueId gated = net.apply(mul, {x, net.apply(sigmoid, {net.conv(squeezed, 16, 1)})});
  const ValueId pooled = net.apply(GlobalAveragePool{}, {net.apply(relu, {net.apply(add, {gated, x})})});
  net.output(net.apply(relu, {net.linear(net.apply(Reshape{{n, 16}}, {pooled}), 24)}));
  return net.finish();
}

/// The decoded head of Ultralytics' exports: box distribution to expected distances.
Graph distribution(Size n, Size h, Size w) {
  Net net;
  const ValueId boxes = net.apply(Reshape{{n, 64, h * w}}, {net.conv(net.input({n, 16, h, w}), 64, 1)});
  const ValueId bins = net.apply(Transpose{{0, 2, 1, 3}}, {net.apply(Reshape{{n, 4, 16, h * w}}, {boxes})});
  const ValueId expected = net.conv(net.apply(Softmax{1}, {bins}), 1, 1);
  net.output(net.apply(Reshape{{n, 4, h * w}}, {expected}));
  return net.finish();
}

/// Segment's prototypes: transposed convolution between two convolutions.
Graph prototypes(Size n, Size h, Size w) {
  Net net;
  const ValueId x = net.conv_silu(net.input({n, 8, h, w}), 16, 3);
  net.output(net.conv_silu(net.enlarge(x, 16), 8, 3));
  return net.finish();
}

/// Values that an engine may not alias or drop: an inner value is an output too, and one output has two
/// names.
Graph shared_outputs() {
  Net net;
  const ValueId x = net.input({1, 16, 8, 8});
  const ValueId inner = net.conv(x, 16, 3);
  const ValueId outer = net.apply(add, {net.apply(silu, {inner}), inner});
  for (ValueId id : {inner, outer, outer}) net.output(id);
  return net.finish();
}

/// Parts of a value as outputs, beside the whole.
Graph parts_as_outputs() {
  Net net;
  const ValueId x = net.conv_silu(net.input({2, 8, 6, 6}), 24, 1);
  const std::vector<ValueId> parts = net.split({1, {16, 8}}, x);
  const ValueId again = net.apply(Concat{}, {parts[1], parts[0], parts[1]});
  for (ValueId id : {parts[1], x, again}) net.output(id);
  return net.finish();
}

/// Two inputs that meet.
Graph two_inputs() {
  Net net;
  const ValueId a = net.input({1, 8, 9, 9}), b = net.input({1, 8, 9, 9});
  net.output(net.apply(mul, {net.conv_silu(a, 8, 3), net.conv(b, 8, 1)}));
  return net.finish();
}

}  // namespace

std::vector<OpenShapeCase> open_shape_cases() {
  return {{"split-and-join", split_and_join, 4},
          {"pyramid", pyramid, 3},
          {"attention", attention, 5},
          {"two-scales", two_scales, 5},
          {"gate-and-features", gate_and_features, 5},
          {"distribution", distribution, 4},
          {"prototypes", prototypes, 4}};
}

std::vector<Case> block_cases() {
  std::vector<Case> cases{{"shared-outputs", shared_outputs, 2},
                          {"parts-as-outputs", parts_as_outputs, 2},
                          {"two-inputs", two_inputs, 3}};
  for (const OpenShapeCase& block : open_shape_cases()) {
    cases.push_back({block.name, [make = block.make] { return make(1, 12, 16); }, block.slack});
    cases.push_back({block.name + "-batch3", [make = block.make] { return make(3, 8, 4); }, block.slack});
  }
  return cases;
}

}  // namespace peregrine::conformance
