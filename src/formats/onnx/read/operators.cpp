#include "formats/onnx/read/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace peregrine::onnx {

namespace {

template <graph::Unary::Kind kind>
OnnxValues unary(Translation& t) {
  return t.emit(graph::Unary{kind}, {t.input(0)});
}

template <graph::Binary::Kind kind>
OnnxValues binary(Translation& t) {
  return t.emit(graph::Binary{kind}, {t.input(0), t.input(1)});
}

/// A handler, and the attributes that it honours (or that say nothing of the result, as the seed of a
/// Dropout).
struct OperatorEntry {
  Handler handler;
  std::string_view attributes;
};

const std::unordered_map<std::string_view, OperatorEntry>& table() {
  using U = graph::Unary::Kind;
  using B = graph::Binary::Kind;
  static const std::unordered_map<std::string_view, OperatorEntry> entries{
      {"Add", {binary<B::add>, ""}},
      {"AveragePool",
       {average_pool, "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"}},
      {"BatchNormalization", {batch_norm, "epsilon momentum spatial training_mode"}},
      {"Cast", {cast, "to saturate round_mode"}},
      {"Ceil", {ceil, ""}},
      {"Concat", {concat, "axis"}},
      {"Constant", {constant, "value value_float value_int value_ints"}},
      {"ConstantOfShape", {constant_of_shape, "value"}},
      {"Conv", {conv, "auto_pad dilations group kernel_shape pads strides"}},
      {"ConvTranspose",
       {conv_transpose, "auto_pad dilations group kernel_shape output_padding pads strides"}},
      {"Div", {binary<B::div>, ""}},
      {"Dropout", {dropout, "ratio seed"}},
      {"Equal", {equal, ""}},
      {"Exp", {unary<U::exp>, ""}},
      {"Expand", {expand, ""}},
      {"Flatten", {flatten, "axis"}},
      {"Floor", {floor, ""}},
      {"Gather", {gather, "axis"}},
      {"Gemm", {gemm, "alpha beta transA transB"}},
      {"GlobalAveragePool", {global_average_pool, ""}},
      {"Identity", {identity, ""}},
      {"InstanceNormalization", {instance_norm, "epsilon"}},
      {"MatMul", {mat_mul, ""}},
      {"MaxPool", {max_pool, "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"}},
      {"Mul", {binary<B::mul>, ""}},
      {"Neg", {unary<U::neg>, ""}},
      {"Range", {range, "stash_type"}},
      {"ReduceMean", {reduce_mean, "axes keepdims noop_with_empty_axes"}},
      {"Relu", {unary<U::relu>, ""}},
      {"Reshape", {reshape, "allowzero"}},
      {"Resize",
       {resize,
        "antialias coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
        "keep_aspect_ratio_policy mode nearest_mode"}},
      {"Shape", {shape_of, "start end"}},
      {"Sigmoid", {unary<U::sigmoid>, ""}},
      {"Slice", {slice, "axes ends starts"}},
      {"Softmax", {softmax, "axis"}},
      {"Split", {split, "axis num_outputs split"}},
      {"Sqrt", {unary<U::sqrt>, ""}},
      {"Squeeze", {squeeze, "axes"}},
      {"Sub", {binary<B::sub>, ""}},
      {"Tanh", {unary<U::tanh>, ""}},
      {"Transpose", {transpose, "perm"}},
      {"Unsqueeze", {unsqueeze, "axes"}},
      {"Upsample", {resize, "mode scales"}},
      {"Where", {where, ""}},
  };
  return entries;
}

bool has_word(std::string_view words, std::string_view word) {
  for (std::size_t begin = 0; begin < words.size();) {
    const std::size_t end = std::min(words.find(' ', begin), words.size());
    if (words.substr(begin, end - begin) == word) return true;
    begin = end + 1;
  }
  return false;
}

/// An attribute that nobody reads would change the result without a word.
void require_known_attributes(const pb::NodeProto& node, std::string_view known) {
  for (const pb::AttributeProto& attribute : node.attribute()) {
    if (!has_word(known, attribute.name()))
      refuse(fmt::format("its attribute '{}' is not supported", attribute.name()));
    if (!attribute.ref_attr_name().empty()) refuse("attributes that refer to a function's are not supported");
  }
}

}  // namespace

Handler handler_of(const pb::NodeProto& node) {
  if (!node.domain().empty() && node.domain() != "ai.onnx")
    refuse(fmt::format("operators of the domain '{}' are not supported", node.domain()),
           advice::own_operators);
  const auto found = table().find(node.op_type());
  if (found != table().end()) {
    require_known_attributes(node, found->second.attributes);
    return found->second.handler;
  }
  refuse("the operator is not supported");
}

void refuse_suppression(std::span<const pb::NodeProto> nodes) {
  const auto is = [](const pb::NodeProto& node, std::string_view type) { return node.op_type() == type; };
  // RT-DETR chooses its queries by a TopK, and has no other head.
  if (std::ranges::any_of(nodes, [&](const auto& node) { return is(node, "GridSample"); })) return;
  for (const pb::NodeProto& node : nodes)
    if (is(node, "NonMaxSuppression") || is(node, "TopK"))
      throw Error("model.unsupported",
                  fmt::format("node '{}' ({}): the operator is not supported", node.name(), node.op_type()),
                  advice::raw_head);
}

}  // namespace peregrine::onnx
