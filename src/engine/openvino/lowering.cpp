#include "engine/openvino/lowering.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <openvino/op/ops.hpp>

#include "engine/openvino/element_type.h"
#include "engine/openvino/openvino_engine.h"

namespace peregrine::openvino {

namespace {

using graph::Node;
using graph::ValueId;
using Out = ov::Output<ov::Node>;
namespace op = ov::op;

/// Why a node cannot be expressed; the sentence is completed by the node's name.
struct Refusal {
  std::string reason;
};

ov::Shape ov_shape(const Shape& shape) { return {shape.begin(), shape.end()}; }
ov::Strides ov_strides(const graph::Pair& pair) { return {std::size_t(pair[0]), std::size_t(pair[1])}; }
ov::CoordinateDiff pads_begin(const std::array<std::int64_t, 4>& pad) { return {pad[0], pad[1]}; }
ov::CoordinateDiff pads_end(const std::array<std::int64_t, 4>& pad) { return {pad[2], pad[3]}; }

Out integers(const std::vector<std::int64_t>& values) {
  return op::v0::Constant::create(ov::element::i64, {values.size()}, values);
}
Out integer(std::int64_t value) { return op::v0::Constant::create(ov::element::i64, {}, {value}); }

template <class T, class... Arguments>
Out make(Arguments&&... arguments) {
  return std::make_shared<T>(std::forward<Arguments>(arguments)...)->output(0);
}

/// [K] as [K,1,1...], to broadcast along the channels of a tensor of `rank` dimensions.
Out along_channels(const Out& vector, std::size_t rank) {
  std::vector<std::int64_t> shape(rank, 1);
  shape[1] = -1;
  return make<op::v1::Reshape>(vector, integers(shape), false);
}

/// The table: one entry an operator. What an entry cannot express it refuses, and unsupported() is the list
/// of refusals.
class Table {
 public:
  Table(const graph::Graph& graph, const Node& node, const std::map<ValueId, Out>& values)
      : graph_(graph), node_(node), values_(values) {}

  ov::OutputVector operator()(const graph::Conv& conv) const {
    const ov::Strides stride = ov_strides(conv.stride), dilation = ov_strides(conv.dilation);
    const auto begin = pads_begin(conv.pad), end = pads_end(conv.pad);
    if (conv.groups == 1)
      return biased(make<op::v1::Convolution>(in(0), in(1), stride, begin, end, dilation));
    return biased(make<op::v1::GroupConvolution>(in(0), grouped(conv.groups), stride, begin, end, dilation));
  }

  ov::OutputVector operator()(const graph::ConvTranspose& conv) const {
    const ov::Strides stride = ov_strides(conv.stride), dilation{1, 1};
    const auto begin = pads_begin(conv.pad), end = pads_end(conv.pad);
    const ov::CoordinateDiff extra{conv.output_pad[0], conv.output_pad[1]};
    const auto explicit_pads = op::PadType::EXPLICIT;
    if (conv.groups == 1)
      return biased(make<op::v1::ConvolutionBackpropData>(in(0), in(1), stride, begin, end, dilation,
                                                          explicit_pads, extra));
    return biased(make<op::v1::GroupConvolutionBackpropData>(in(0), grouped(conv.groups), stride, begin, end,
                                                             dilation, explicit_pads, extra));
  }

  ov::OutputVector operator()(const graph::Linear&) const {
    return biased(make<op::v0::MatMul>(in(0), in(1), false, true));
  }

  ov::OutputVector operator()(const graph::BatchNorm& norm) const {
    return {make<op::v5::BatchNormInference>(in(0), in(1), in(2), in(3), in(4), norm.epsilon)};
  }

  ov::OutputVector operator()(const graph::InstanceNorm& norm) const {
    const std::size_t rank = shape_in(0).rank();
    std::vector<std::int64_t> axes;
    for (std::size_t axis = 2; axis < rank; ++axis) axes.push_back(static_cast<std::int64_t>(axis));
    const Out normal =
        make<op::v6::MVN>(in(0), integers(axes), true, norm.epsilon, op::MVNEpsMode::INSIDE_SQRT);
    const Out scaled = make<op::v1::Multiply>(normal, along_channels(in(1), rank));
    return {make<op::v1::Add>(scaled, along_channels(in(2), rank))};
  }

  ov::OutputVector operator()(const graph::Unary& unary) const {
    using Kind = graph::Unary::Kind;
    switch (unary.kind) {
      case Kind::relu: return {make<op::v0::Relu>(in(0))};
      case Kind::silu: return {make<op::v4::Swish>(in(0))};
      case Kind::sigmoid: return {make<op::v0::Sigmoid>(in(0))};
      case Kind::tanh: return {make<op::v0::Tanh>(in(0))};
      case Kind::exp: return {make<op::v0::Exp>(in(0))};
      case Kind::sqrt: return {make<op::v0::Sqrt>(in(0))};
      case Kind::neg: return {make<op::v0::Negative>(in(0))};
    }
    throw Refusal{"an elementwise function that the table does not know"};
  }

  ov::OutputVector operator()(const graph::Binary& binary) const {
    using Kind = graph::Binary::Kind;
    switch (binary.kind) {
      case Kind::add: return {make<op::v1::Add>(in(0), in(1))};
      case Kind::sub: return {make<op::v1::Subtract>(in(0), in(1))};
      case Kind::mul: return {make<op::v1::Multiply>(in(0), in(1))};
      case Kind::div: return {make<op::v1::Divide>(in(0), in(1))};
    }
    throw Refusal{"an arithmetic operator that the table does not know"};
  }

  ov::OutputVector operator()(const graph::Concat& concat) const {
    ov::OutputVector parts;
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) parts.push_back(in(i));
    return {make<op::v0::Concat>(parts, concat.axis)};
  }

  ov::OutputVector operator()(const graph::Split& split) const {
    require_fixed(split.axis);
    return std::make_shared<op::v1::VariadicSplit>(in(0), integer(split.axis), integers(split.sizes))
        ->outputs();
  }

  ov::OutputVector operator()(const graph::Slice& slice) const {
    require_fixed(slice.axis);
    return {make<op::v8::Slice>(in(0), integers({slice.start}), integers({slice.end}), integers({slice.step}),
                                integers({slice.axis}))};
  }

  ov::OutputVector operator()(const graph::Reshape& reshape) const {
    const ov::PartialShape from = in(0).get_partial_shape();
    std::vector<std::int64_t> to(reshape.shape.begin(), reshape.shape.end());
    if (from.is_static()) return {make<op::v1::Reshape>(in(0), integers(to), false)};
    // Only what follows from the contract of Reshape: the batch stays in front, the last extents are those of
    // the second input, or the last one takes what is left of height and width.
    if (to.empty() || to[0] != shape_in(0)[0])
      throw Refusal{"a reshape across the batch dimension, whose size is left open"};
    to[0] = 0;  // as in the input
    if (node_.inputs.size() > 1 && to.size() > 2) {
      const Out extents = make<op::v3::ShapeOf>(in(1));
      const Out last_two = make<op::v8::Gather>(extents, integers({-2, -1}), integer(0));
      to.resize(to.size() - 2);
      return {make<op::v1::Reshape>(in(0), make<op::v0::Concat>(ov::OutputVector{integers(to), last_two}, 0),
                                    true)};
    }
    if (to.size() > 1) to.back() = -1;
    return {make<op::v1::Reshape>(in(0), integers(to), true)};
  }

  ov::OutputVector operator()(const graph::Transpose& transpose) const {
    return {make<op::v1::Transpose>(in(0), integers(transpose.permutation))};
  }

  ov::OutputVector operator()(const graph::MatMul&) const {
    return {make<op::v0::MatMul>(in(0), in(1), false, false)};
  }

  ov::OutputVector operator()(const graph::Softmax& softmax) const {
    return {make<op::v8::Softmax>(in(0), softmax.axis)};
  }

  ov::OutputVector operator()(const graph::Pool& pool) const {
    const ov::Strides stride = ov_strides(pool.stride);
    const ov::Shape begin{std::size_t(pool.pad[0]), std::size_t(pool.pad[1])};
    const ov::Shape end{std::size_t(pool.pad[2]), std::size_t(pool.pad[3])};
    const ov::Shape kernel{std::size_t(pool.kernel[0]), std::size_t(pool.kernel[1])};
    if (pool.kind == graph::Pool::Kind::max)
      return {make<op::v1::MaxPool>(in(0), stride, begin, end, kernel, op::RoundingType::FLOOR)};
    return {make<op::v1::AvgPool>(in(0), stride, begin, end, kernel, !pool.count_padding,
                                  op::RoundingType::FLOOR)};
  }

  ov::OutputVector operator()(const graph::GlobalAveragePool&) const {
    return {make<op::v1::ReduceMean>(in(0), integers({2, 3}), true)};
  }

  ov::OutputVector operator()(const graph::Upsample& upsample) const {
    using Interpolate = op::v11::Interpolate;
    Interpolate::InterpolateAttrs attributes;
    attributes.shape_calculation_mode = Interpolate::ShapeCalcMode::SCALES;
    if (upsample.kind == graph::Upsample::Kind::nearest) {
      attributes.mode = Interpolate::InterpolateMode::NEAREST;
      attributes.nearest_mode = Interpolate::NearestMode::FLOOR;
      attributes.coordinate_transformation_mode = Interpolate::CoordinateTransformMode::ASYMMETRIC;
    } else {
      attributes.mode = Interpolate::InterpolateMode::LINEAR_ONNX;
      attributes.coordinate_transformation_mode = Interpolate::CoordinateTransformMode::HALF_PIXEL;
    }
    const std::vector<float> factors{static_cast<float>(upsample.factor[0]),
                                     static_cast<float>(upsample.factor[1])};
    const auto scales = op::v0::Constant::create(ov::element::f32, {2}, factors);
    return {make<Interpolate>(in(0), scales, integers({2, 3}), attributes)};
  }

  ov::OutputVector operator()(const graph::Cast& cast) const {
    return {make<op::v0::Convert>(in(0), element_type(cast.to))};
  }

 private:
  Out in(std::size_t i) const { return values_.at(node_.inputs[i]); }
  const Shape& shape_in(std::size_t i) const { return graph_.value(node_.inputs[i]).shape; }

  /// Adds the optional third input along the channels.
  ov::OutputVector biased(const Out& result) const {
    if (node_.inputs.size() < 3) return {result};
    return {make<op::v1::Add>(result, along_channels(in(2), shape_in(0).rank()))};
  }

  /// Weights with the groups as a dimension of their own, as OpenVINO wants them.
  Out grouped(std::int64_t groups) const {
    const Shape& weight = shape_in(1);
    std::vector<std::int64_t> shape{groups, weight[0] / groups};
    shape.insert(shape.end(), weight.begin() + 1, weight.end());
    return make<op::v1::Reshape>(in(1), integers(shape), false);
  }

  void require_fixed(std::int64_t axis) const {
    if (in(0).get_partial_shape()[axis].is_dynamic())
      throw Refusal{fmt::format("it cuts along dimension {}, whose size is left open", axis)};
  }

  const graph::Graph& graph_;
  const Node& node_;
  const std::map<ValueId, Out>& values_;
};

ov::PartialShape open_shape(const Shape& shape) {
  ov::PartialShape open(ov_shape(shape));
  open[0] = ov::Dimension::dynamic();
  if (shape.rank() == 4) open[2] = open[3] = ov::Dimension::dynamic();
  return open;
}

/// OpenVINO's CPU plugin computes 64-bit floats as 32-bit ones without saying so.
void require_known_types(const graph::Graph& graph, const Node& node) {
  for (const auto& values : {node.inputs, node.outputs})
    for (ValueId id : values)
      if (graph.value(id).dtype == DType::f64)
        throw Refusal{fmt::format("'{}' is FP64", graph.value(id).name)};
}

Out lower_constant(const graph::Value& value) {
  // Constants are const to the model as well; the cast is its constructor's.
  const auto owner = std::const_pointer_cast<HostTensor>(value.constant);
  return make<op::v0::Constant>(element_type(value.dtype), ov_shape(value.shape), owner->view().data, owner);
}

}  // namespace

Lowering lower(const graph::Graph& graph, bool dynamic) {
  Lowering result;
  std::map<ValueId, Out> values;
  ov::ParameterVector parameters;
  for (ValueId id : graph.inputs()) {
    const graph::Value& value = graph.value(id);
    const ov::PartialShape shape =
        dynamic ? open_shape(value.shape) : ov::PartialShape(ov_shape(value.shape));
    parameters.push_back(std::make_shared<op::v0::Parameter>(element_type(value.dtype), shape));
    parameters.back()->set_friendly_name(value.name);
    values[id] = parameters.back()->output(0);
  }
  const auto lower_constants = [&](const std::vector<ValueId>& ids) {
    for (ValueId id : ids)
      if (graph.value(id).constant && !values.contains(id)) values[id] = lower_constant(graph.value(id));
  };
  for (const Node& node : graph.nodes()) {
    lower_constants(node.inputs);
    ov::OutputVector outputs;
    const auto refuse = [&](std::string_view why) {
      result.refused.push_back(fmt::format("{} ({}): {}.", node.name, graph::name_of(node.operation), why));
      for (ValueId id : node.outputs)  // stands in, so that the nodes behind it are judged too
        outputs.push_back(
            make<op::v0::Parameter>(element_type(graph.value(id).dtype), ov_shape(graph.value(id).shape)));
    };
    try {
      require_known_types(graph, node);
      outputs = std::visit(Table(graph, node, values), node.operation);
      outputs.front().get_node()->set_friendly_name(node.name);
    } catch (const Refusal& refusal) {
      refuse(refusal.reason);
    } catch (const ov::Exception& error) {
      const std::string sentence = failure("express it", error).sentence();
      refuse(sentence.substr(0, sentence.size() - 1));  // its full stop is that of the refusal
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) values[node.outputs[i]] = outputs.at(i);
  }
  lower_constants(graph.outputs());
  if (!result.refused.empty()) return result;

  ov::ResultVector results;
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    results.push_back(std::make_shared<op::v0::Result>(values.at(graph.outputs()[i])));
    results.back()->set_friendly_name(graph.output_names()[i]);
  }
  result.model = std::make_shared<ov::Model>(results, parameters, "peregrine");
  return result;
}

}  // namespace peregrine::openvino
