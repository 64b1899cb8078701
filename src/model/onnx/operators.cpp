#include "model/onnx/operators.h"

#include <fmt/format.h>

#include <unordered_map>

namespace peregrine::onnx {

namespace {

template <graph::Unary::Kind kind>
Operands unary(Translation& t) {
  return t.emit(graph::Unary{kind}, {t.input(0)});
}

template <graph::Binary::Kind kind>
Operands binary(Translation& t) {
  return t.emit(graph::Binary{kind}, {t.input(0), t.input(1)});
}

const std::unordered_map<std::string_view, Handler>& table() {
  using U = graph::Unary::Kind;
  using B = graph::Binary::Kind;
  static const std::unordered_map<std::string_view, Handler> entries{
      {"Add", binary<B::add>},
      {"AveragePool", average_pool},
      {"BatchNormalization", batch_norm},
      {"Cast", cast},
      {"Ceil", ceil},
      {"Concat", concat},
      {"Constant", constant},
      {"ConstantOfShape", constant_of_shape},
      {"Conv", conv},
      {"ConvTranspose", conv_transpose},
      {"Div", binary<B::div>},
      {"Dropout", identity},
      {"Equal", equal},
      {"Exp", unary<U::exp>},
      {"Expand", expand},
      {"Flatten", flatten},
      {"Floor", floor},
      {"Gather", gather},
      {"Gemm", gemm},
      {"GlobalAveragePool", global_average_pool},
      {"Identity", identity},
      {"InstanceNormalization", instance_norm},
      {"MatMul", mat_mul},
      {"MaxPool", max_pool},
      {"Mul", binary<B::mul>},
      {"Neg", unary<U::neg>},
      {"Range", range},
      {"ReduceMean", reduce_mean},
      {"Relu", unary<U::relu>},
      {"Reshape", reshape},
      {"Resize", resize},
      {"Shape", shape_of},
      {"Sigmoid", unary<U::sigmoid>},
      {"Slice", slice},
      {"Softmax", softmax},
      {"Split", split},
      {"Sqrt", unary<U::sqrt>},
      {"Squeeze", squeeze},
      {"Sub", binary<B::sub>},
      {"Tanh", unary<U::tanh>},
      {"Transpose", transpose},
      {"Unsqueeze", unsqueeze},
      {"Upsample", resize},
      {"Where", where},
  };
  return entries;
}

}  // namespace

Handler handler_of(const pb::NodeProto& node) {
  if (!node.domain().empty() && node.domain() != "ai.onnx")
    refuse(fmt::format("operators of the domain '{}' are not supported", node.domain()), "Export with standard operators.");
  const auto found = table().find(node.op_type());
  if (found != table().end()) return found->second;
  // What an export with suppression inside begins with; the boxes would be final, not the head's.
  constexpr std::string_view selecting[] = {"NonMaxSuppression", "TopK", "ReduceMax", "ArgMax", "GatherND", "NonZero"};
  for (std::string_view name : selecting)
    if (name == node.op_type())
      refuse("the operator is not supported", "Export without suppression in the file (nms=False, end2end=False).");
  refuse("the operator is not supported", "Supported are YOLOv8, YOLO11 and OSNet as Ultralytics and PyTorch export them.");
}

}  // namespace peregrine::onnx
