#include "double_model.h"

#include <algorithm>
#include <map>
#include <set>

#include "formats/onnx/read/node_order.h"
#include "formats/onnx/read/translation.h"
#include "formats/onnx/tensors.h"
#include "graph/passes.h"
#include "peregrine/error.h"

namespace tensorrt_double {

namespace {

using namespace peregrine;
namespace pb = ::onnx;  // the messages; the translator's namespace is peregrine's

pb::ModelProto parse(const std::string& file) {
  pb::ModelProto model;
  if (!model.ParseFromString(file)) throw Refusal{"", "", "the file cannot be read"};
  return model;
}

Shape shape_of(const pb::ValueInfoProto& info) {
  Shape shape;
  for (const auto& dimension : info.type().tensor_type().shape().dim())
    shape.push_back(dimension.has_dim_value() ? dimension.dim_value() : -1);
  return shape;
}

/// FP32 or FP16; nothing for other types.
using Types = std::map<std::string, bool>;

void note_type(Types& types, const std::string& name, int type) {
  if (type == pb::TensorProto::FLOAT) types[name] = false;
  if (type == pb::TensorProto::FLOAT16) types[name] = true;
}

/// All floating-point inputs of a node share its type; the scales of a Resize are FP32 always.
bool half_inputs(const pb::NodeProto& node, const Types& types) {
  bool seen = false, is_half = false;
  for (int i = 0; i < (node.op_type() == "Resize" ? 1 : node.input_size()); ++i) {
    const auto type = types.find(node.input(i));
    if (type == types.end()) continue;
    if (seen && type->second != is_half)
      throw Refusal{node.name(), node.op_type(), "its inputs have the types Float and Half"};
    seen = true;
    is_half = type->second;
  }
  return is_half;
}

std::string kind_of(const pb::NodeProto& node) {
  const std::string& type = node.op_type();
  return type == "Reshape" || type == "Transpose" ? "Shuffle"
         : type == "Slice" || type == "Split"     ? "Slice"
         : type == "Concat"                       ? "Concatenation"
         : type == "Conv"                         ? "CaskConvolution"
         : type == "Softmax"                      ? "SoftMax"
                                                  : "PointWise";
}

bool half_output(const pb::NodeProto& node, const Types& types) {
  const bool is_half = half_inputs(node, types);
  return node.op_type() == "Cast" ? node.attribute(0).i() == pb::TensorProto::FLOAT16 : is_half;
}

}  // namespace

OnnxModel::OnnxModel(std::string file) : file_(std::move(file)) {
  const pb::ModelProto model = parse(file_);
  Types types;
  for (const pb::TensorProto& tensor : model.graph().initializer())
    note_type(types, tensor.name(), tensor.data_type());
  for (const pb::ValueInfoProto& input : model.graph().input()) {
    note_type(types, input.name(), input.type().tensor_type().elem_type());
    inputs_.push_back({input.name(), types.at(input.name()), shape_of(input)});
  }
  for (const pb::NodeProto& node : model.graph().node()) {
    const bool is_half = half_output(node, types);
    ModelLayer& layer = layers_.emplace_back(ModelLayer{node.name(), kind_of(node), {}, {}});
    for (const std::string& input : node.input())
      if (types.contains(input)) layer.inputs.push_back(input);
    for (const std::string& output : node.output()) {
      types[output] = is_half;
      layer.outputs.push_back({output, is_half, {}});
    }
  }
  for (const pb::ValueInfoProto& output : model.graph().output())
    outputs_.push_back({output.name(), types.at(output.name()), {}});
  constexpr std::int64_t some_batch = 7;
  try {
    (void)graph(some_batch);
  } catch (const Error& error) {
    throw Refusal{"", "", error.what()};
  }
}

std::vector<ModelLayer> OnnxModel::parsed_layers() const {
  std::vector<ModelLayer> all;
  std::set<std::string> made;
  for (const ModelTensor& input : inputs_) made.insert(input.name);
  const auto unnamed = [&](const char* kind) {
    return "(Unnamed Layer* " + std::to_string(all.size()) + ") [" + kind + "]";
  };
  for (const ModelLayer& node : layers_) {
    for (const std::string& input : node.inputs)
      if (made.insert(input).second)
        all.push_back({unnamed("Constant"), "Constant", {{input, false, {}}}, {}});
    all.push_back(node);
    for (const ModelTensor& output : node.outputs) made.insert(output.name);
    if (node.kind != "SoftMax") continue;
    std::string& inner = all.back().outputs.front().name;
    inner += ".inner";
    all.push_back({unnamed("ElementWise"), "PointWise", node.outputs, {inner}});
  }
  return all;
}

std::string OnnxModel::node_of(const std::string& operation) const {
  const pb::ModelProto model = parse(file_);
  for (const pb::NodeProto& node : model.graph().node())
    if (node.op_type() == operation) return node.name();
  return {};
}

graph::Graph OnnxModel::graph(std::int64_t batch) const {
  pb::ModelProto model = parse(file_);
  graph::Graph graph;
  peregrine::onnx::Translator translator(graph, model.opset_import(0).version());
  for (const pb::TensorProto& tensor : model.graph().initializer())
    translator.define({.name = tensor.name(),
                       .known = std::make_shared<const HostTensor>(peregrine::onnx::from_proto(tensor))});
  for (const ModelTensor& input : inputs_) {
    Shape shape = input.shape;
    for (std::size_t i = 0; i < shape.rank(); ++i) shape[i] = shape[i] < 0 ? batch : shape[i];
    translator.define({.name = input.name, .value = graph.add_input(input.name, DType::f32, shape)});
  }
  for (const pb::NodeProto& node : peregrine::onnx::take_nodes_in_order(*model.mutable_graph()))
    translator.translate(node);
  for (const ModelTensor& output : outputs_)
    graph.mark_output(translator.find(output.name).value, output.name);
  return graph;
}

}  // namespace tensorrt_double
