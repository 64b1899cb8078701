#include "engine/cuda/lowering/table.h"

#include <fmt/format.h>

#include <cmath>

namespace peregrine::cuda::lowering {
namespace {

/// Why a node cannot be lowered; the sentence is completed by the node's name.
struct Refusal {
  std::string reason;
};

/// The table: one entry an operator.
class Table {
 public:
  Table(const graph::Graph& graph, const graph::Node& node) : graph_(graph), node_(node) {}

  LoweredOp operator()(const graph::Conv& conv) const {
    const Weights weights = weights_from(1);
    const Shape& shape = weights.weight->shape();
    if (conv.groups == shape[0] && shape[1] == 1) {
      Depthwise step;
      step.stride = conv.stride, step.dilation = conv.dilation, step.pad = conv.pad;
      return op(step, weights);
    }
    Conv step;
    step.stride = conv.stride, step.dilation = conv.dilation, step.pad = conv.pad, step.groups = conv.groups;
    return op(step, weights);
  }

  LoweredOp operator()(const graph::ConvTranspose& conv) const {
    const Weights weights = weights_from(1);
    const Shape& shape = weights.weight->shape();
    const bool tiles = conv.stride == Pair{shape[2], shape[3]} && conv.pad == std::array<std::int64_t, 4>{} &&
                       conv.output_pad == Pair{} && conv.groups == 1;
    if (!tiles) throw Refusal{"its windows overlap, are padded or grouped; stride must equal the kernel"};
    return op(ConvTranspose{}, weights);
  }

  LoweredOp operator()(const graph::Linear&) const { return op(Linear{}, weights_from(1)); }

  /// One that no convolution could take in is a depthwise convolution of one tap.
  LoweredOp operator()(const graph::BatchNorm& norm) const {
    const std::size_t rank = shape_in(0).rank();
    if (rank != 4)
      throw Refusal{
          fmt::format("it normalises {} dimensions, not 4, and stands behind no convolution", rank)};
    const HostTensor scale = constant(1)->to_f32(), shift = constant(2)->to_f32(),
                     mean = constant(3)->to_f32(), variance = constant(4)->to_f32();
    const std::int64_t channels = scale.shape().elements();
    HostTensor weight(DType::f32, {channels, 1, 1, 1}), bias(DType::f32, {channels});
    for (std::int64_t c = 0; c < channels; ++c) {
      const double factor = scale.as<float>()[c] / std::sqrt(double{variance.as<float>()[c]} + norm.epsilon);
      weight.as<float>()[c] = static_cast<float>(factor);
      bias.as<float>()[c] = static_cast<float>(shift.as<float>()[c] - factor * mean.as<float>()[c]);
    }
    return op(Depthwise{}, {std::make_shared<const HostTensor>(std::move(weight)),
                            std::make_shared<const HostTensor>(std::move(bias)),
                            {}});
  }

  LoweredOp operator()(const graph::InstanceNorm& norm) const {
    if (shape_in(0).rank() != 4) throw Refusal{"it normalises something that is no feature map"};
    InstanceNorm step;
    step.epsilon = norm.epsilon;
    return op(step, {constant(1), constant(2), {}});
  }

  LoweredOp operator()(const graph::Unary& unary) const {
    Unary step;
    step.kind = unary.kind;
    return op(step);
  }

  LoweredOp operator()(const graph::Binary& binary) const {
    Binary step;
    step.kind = binary.kind;
    return op(step);
  }

  LoweredOp operator()(const graph::Pool& pool) const {
    Pool step;
    step.kind = pool.kind, step.kernel = pool.kernel, step.stride = pool.stride, step.pad = pool.pad;
    step.count_padding = pool.count_padding;
    return op(step);
  }

  LoweredOp operator()(const graph::Upsample& upsample) const {
    Upsample step;
    step.kind = upsample.kind, step.factor = upsample.factor;
    return op(step);
  }

  LoweredOp operator()(const graph::Softmax& softmax) const {
    Softmax step;
    step.axis =
        softmax.axis < 0 ? softmax.axis + static_cast<std::int64_t>(shape_in(0).rank()) : softmax.axis;
    return op(step);
  }

  LoweredOp operator()(const graph::GlobalAveragePool&) const { return op(GlobalAveragePool{}); }
  LoweredOp operator()(const graph::MatMul&) const { return op(MatMul{}); }

  LoweredOp operator()(const graph::Concat&) const { return view(); }
  LoweredOp operator()(const graph::Split&) const { return view(); }
  LoweredOp operator()(const graph::Slice&) const { return view(); }
  LoweredOp operator()(const graph::Reshape&) const { return view(); }
  LoweredOp operator()(const graph::Transpose&) const { return view(); }
  /// The plan has one floating-point type for all values.
  LoweredOp operator()(const graph::Cast&) const { return view(); }

 private:
  const Shape& shape_in(std::size_t i) const { return graph_.value(node_.inputs[i]).shape; }

  Constant constant(std::size_t i) const {
    const graph::Value& value = graph_.value(node_.inputs[i]);
    if (!value.constant) throw Refusal{fmt::format("its parameter '{}' is not constant", value.name)};
    return value.constant;
  }

  Weights weights_from(std::size_t first) const {
    return {constant(first), first + 1 < node_.inputs.size() ? constant(first + 1) : nullptr, {}};
  }

  LoweredOp op(Operation operation) const {
    LoweredOp result;
    result.name = node_.name, result.nodes = {node_.name};
    result.operation = std::move(operation);
    result.inputs = node_.inputs, result.outputs = node_.outputs;
    return result;
  }

  /// Of one input; the other ones are `weights`.
  LoweredOp op(Operation operation, Weights weights) const {
    LoweredOp result = op(std::move(operation));
    result.inputs.resize(1);
    result.weights.push_back(std::move(weights));
    return result;
  }

  LoweredOp view() const {
    LoweredOp result;
    result.name = node_.name, result.nodes = {node_.name};
    result.view = node_.operation;
    result.inputs = node_.inputs, result.outputs = node_.outputs;
    if (std::holds_alternative<graph::Reshape>(node_.operation)) result.inputs.resize(1);
    return result;
  }

  const graph::Graph& graph_;
  const graph::Node& node_;
};

void require_floating_point(const graph::Graph& graph, const graph::Node& node) {
  for (const auto& values : {node.inputs, node.outputs})
    for (ValueId id : values) {
      const graph::Value& value = graph.value(id);
      if (value.dtype != DType::f32 && value.dtype != DType::f16 && value.dtype != DType::bf16)
        throw Refusal{fmt::format("'{}' is {}", value.name, to_string(value.dtype))};
    }
}

}  // namespace

Tabled look_up(const graph::Graph& graph) {
  Tabled result;
  for (const graph::Node& node : graph.nodes()) try {
      require_floating_point(graph, node);
      result.ops.push_back(std::visit(Table(graph, node), node.operation));
    } catch (const Refusal& refusal) {
      result.refused.push_back(fmt::format("{} ({}) cannot run on the cuda engine: {}.", node.name,
                                           graph::name_of(node.operation), refusal.reason));
    }
  return result;
}

}  // namespace peregrine::cuda::lowering
