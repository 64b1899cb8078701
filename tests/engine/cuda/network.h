// Small networks with random weights, built in a line a layer.
#pragma once

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace peregrine::test {

using graph::ValueId;
using UnaryKind = graph::Unary::Kind;
using BinaryKind = graph::Binary::Kind;

struct ConvProblem {
  std::int64_t kernel = 1, stride = 1, groups = 1;
};

class Network {
 public:
  explicit Network(unsigned seed = 1) : random_(seed) {}

  graph::Graph graph;

  ValueId input(const Shape& shape) { return graph.add_input("images", DType::f32, shape); }

  HostTensor tensor(const Shape& shape, float scale) {
    HostTensor result(DType::f32, shape);
    std::uniform_real_distribution<float> values(-scale, scale);
    for (std::int64_t i = 0; i < shape.elements(); ++i) result.as<float>()[i] = values(random_);
    return result;
  }

  ValueId constant(const std::string& name, const Shape& shape, float scale = 1) {
    return graph.add_constant(name, tensor(shape, scale));
  }

  ValueId conv(const std::string& name, ValueId x, std::int64_t channels, ConvProblem window = {}) {
    const std::int64_t in = graph.value(x).shape[1] / window.groups, pad = window.kernel / 2;
    const float scale = 2.0f / std::sqrt(static_cast<float>(in * window.kernel * window.kernel));
    const ValueId weight = constant(name + ".weight", {channels, in, window.kernel, window.kernel}, scale);
    const ValueId bias = constant(name + ".bias", {channels}, 0.5f);
    return graph.add(name,
                     graph::Conv{{window.stride, window.stride}, {1, 1}, {pad, pad, pad, pad}, window.groups},
                     {x, weight, bias});
  }

  ValueId unary(const std::string& name, UnaryKind kind, ValueId x) {
    return graph.add(name, graph::Unary{kind}, {x});
  }
  ValueId binary(const std::string& name, BinaryKind kind, ValueId a, ValueId b) {
    return graph.add(name, graph::Binary{kind}, {a, b});
  }
  ValueId add(const std::string& name, ValueId a, ValueId b) { return binary(name, BinaryKind::add, a, b); }
  ValueId concat(const std::string& name, std::vector<ValueId> parts, std::int64_t axis = 1) {
    return graph.add(name, graph::Concat{axis}, std::move(parts));
  }
  ValueId reshape(const std::string& name, ValueId x, const Shape& shape) {
    return graph.add(name, graph::Reshape{shape}, {x});
  }
  std::vector<ValueId> split(const std::string& name, ValueId x, std::vector<std::int64_t> sizes,
                             std::int64_t axis = 1) {
    return graph.add_node(name, graph::Split{axis, std::move(sizes)}, {x});
  }
  ValueId transpose(const std::string& name, ValueId x, std::vector<std::int64_t> permutation) {
    return graph.add(name, graph::Transpose{std::move(permutation)}, {x});
  }

  /// Convolution and SiLU, YOLO's layer.
  ValueId layer(const std::string& name, ValueId x, std::int64_t channels, ConvProblem window = {}) {
    return unary(name + ".act", UnaryKind::silu, conv(name + ".conv", x, channels, window));
  }

  /// A depthwise layer of 3x3 and a 1x1 behind it.
  ValueId separable(const std::string& name, ValueId x, std::int64_t channels) {
    return layer(name + ".pw",
                 layer(name + ".dw", x, graph.value(x).shape[1], {3, 1, graph.value(x).shape[1]}), channels);
  }

  /// x + cv2(cv1(x))
  ValueId bottleneck(const std::string& name, ValueId x, std::int64_t hidden) {
    const ValueId y =
        layer(name + ".cv2", layer(name + ".cv1", x, hidden, {3}), graph.value(x).shape[1], {3});
    return add(name + ".add", x, y);
  }

  /// Two bottlenecks between two 1x1 convolutions of one input.
  ValueId c3k(const std::string& name, ValueId x) {
    const std::int64_t channels = graph.value(x).shape[1], half = channels / 2;
    ValueId deep = layer(name + ".cv1", x, half);
    for (int i = 0; i < 2; ++i) deep = bottleneck(name + ".m." + std::to_string(i), deep, half);
    return layer(name + ".cv3", concat(name + ".cat", {deep, layer(name + ".cv2", x, half)}), channels);
  }

  ValueId c3k2(const std::string& name, ValueId x, std::int64_t channels, bool deep = false) {
    std::vector<ValueId> parts =
        split(name + ".split", layer(name + ".cv1", x, channels), {channels / 2, channels / 2});
    parts.push_back(deep ? c3k(name + ".m.0", parts.back())
                         : bottleneck(name + ".m.0", parts.back(), channels / 4));
    return layer(name + ".cv2", concat(name + ".cat", std::move(parts)), channels);
  }

  ValueId sppf(const std::string& name, ValueId x, std::int64_t channels) {
    std::vector<ValueId> parts{layer(name + ".cv1", x, channels / 2)};
    for (int i = 0; i < 3; ++i)
      parts.push_back(graph.add(name + ".pool" + std::to_string(i),
                                graph::Pool{graph::Pool::Kind::max, {5, 5}, {1, 1}, {2, 2, 2, 2}, false},
                                {parts.back()}));
    return layer(name + ".cv2", concat(name + ".cat", std::move(parts)), channels);
  }

  /// C2PSA with one block of attention; a head has 2 * key channels of values.
  /// The scale is on the scores, or on q as in ONNX exports.
  ValueId c2psa(const std::string& name, ValueId x, std::int64_t heads, std::int64_t key,
                bool scale_q = false) {
    const Shape shape = graph.value(x).shape;
    const std::int64_t half = shape[1] / 2, length = shape[2] * shape[3], value = half / heads;
    const std::vector<ValueId> parts =
        split(name + ".split", layer(name + ".cv1", x, shape[1]), {half, half});
    const ValueId qkv = conv(name + ".qkv", parts[1], heads * (2 * key + value));
    const ValueId grouped = reshape(name + ".heads", qkv, {shape[0], heads, 2 * key + value, length});
    const std::vector<ValueId> q_k_v = split(name + ".parts", grouped, {key, key, value}, 2);
    const ValueId factor = scalar(name + ".factor", 0.4f);
    const ValueId q = scale_q ? binary(name + ".scale", BinaryKind::mul, q_k_v[0], factor) : q_k_v[0];
    const ValueId scores =
        graph.add(name + ".scores", graph::MatMul{}, {transpose(name + ".q", q, {0, 1, 3, 2}), q_k_v[1]});
    const ValueId scaled = scale_q ? scores : binary(name + ".scale", BinaryKind::mul, scores, factor);
    const ValueId weights = transpose(
        name + ".weights", graph.add(name + ".softmax", graph::Softmax{-1}, {scaled}), {0, 1, 3, 2});
    const ValueId mixed = graph.add(name + ".mixed", graph::MatMul{}, {q_k_v[2], weights});
    const Shape map{shape[0], half, shape[2], shape[3]};
    const ValueId position = conv(name + ".pe", reshape(name + ".v", q_k_v[2], map), half, {3, 1, half});
    const ValueId attended = add(name + ".add_pe", reshape(name + ".map", mixed, map), position);
    const ValueId b = add(name + ".add1", parts[1], conv(name + ".proj", attended, half));
    const ValueId c =
        add(name + ".add2", b, conv(name + ".ffn.1", layer(name + ".ffn.0", b, 2 * half), half));
    return layer(name + ".cv2", concat(name + ".cat", {parts[0], c}), shape[1]);
  }

  ValueId scalar(const std::string& name, float value) {
    HostTensor tensor(DType::f32, {1});
    tensor.as<float>()[0] = value;
    return graph.add_constant(name, std::move(tensor));
  }

 private:
  std::mt19937 random_;
};

}  // namespace peregrine::test
