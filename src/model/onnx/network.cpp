#include "model/onnx/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "graph/head.h"
#include "graph/passes.h"
#include "model/finite.h"
#include "model/onnx/node_order.h"
#include "model/onnx/tensors.h"
#include "model/onnx/translation.h"

namespace peregrine::onnx {

namespace {

pb::ModelProto parse(std::span<const std::byte> file) {
  constexpr const char* hint = "Copy, download or export it again.";
  pb::ModelProto model;
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw Error("model.unsupported", "ONNX files beyond 2 GB are not supported");
  if (!model.ParseFromArray(file.data(), static_cast<int>(file.size())))
    throw Error("model.damaged", "the ONNX file is damaged or cut short", hint);
  if (model.opset_import_size() == 0) throw Error("model.damaged", "the ONNX file does not name its opset", hint);
  if (!model.has_graph() || model.graph().node_size() == 0) throw Error("model.damaged", "the ONNX file has no graph", hint);
  return model;
}

std::int64_t opset_of(const pb::ModelProto& model) {
  constexpr std::int64_t oldest = 7;  // before it, broadcasting was different
  for (const pb::OperatorSetIdProto& set : model.opset_import()) {
    if (!set.domain().empty() && set.domain() != "ai.onnx") continue;
    if (set.version() < oldest)
      throw Error("model.unsupported", fmt::format("the ONNX file is of opset {}", set.version()),
                  fmt::format("Export with opset {} or later.", oldest));
    return set.version();
  }
  refuse("the ONNX file has no standard operators");
}

/// 0 for an extent that has a name instead of a number, or neither.
std::int64_t extent_of(const pb::TensorShapeProto::Dimension& dimension) {
  constexpr std::int64_t most = 1 << 16;
  if (!dimension.has_dim_value()) return 0;
  if (dimension.dim_value() < 1 || dimension.dim_value() > most)
    throw Error("model.unsupported", fmt::format("the input has an extent of {}", dimension.dim_value()));
  return dimension.dim_value();
}

/// Names of what products are made with. Elsewhere infinity has a meaning: it bounds a range, or masks a
/// position.
std::set<std::string> factors_of(const pb::GraphProto& graph) {
  constexpr std::string_view products[] = {"Conv",
                                           "ConvTranspose",
                                           "Gemm",
                                           "MatMul",
                                           "BatchNormalization",
                                           "InstanceNormalization",
                                           "LayerNormalization"};
  std::set<std::string> names;
  for (const pb::NodeProto& node : graph.node())
    if (std::ranges::find(products, node.op_type()) != std::end(products))
      names.insert(node.input().begin(), node.input().end());
  return names;
}

}  // namespace

Network::Network(std::span<const std::byte> file) {
  pb::ModelProto model = parse(file);
  opset_ = opset_of(model);
  pb::GraphProto& graph = *model.mutable_graph();
  if (graph.sparse_initializer_size() > 0) refuse("sparse weights are not supported");
  const std::set<std::string> factors = factors_of(graph);
  for (pb::TensorProto& tensor : *graph.mutable_initializer()) {
    HostTensor values = from_proto(tensor);
    factors.contains(tensor.name()) ? require_finite(values, tensor.name())
                                    : require_no_nan(values, tensor.name());
    initializers_.insert_or_assign(tensor.name(), std::make_shared<const HostTensor>(std::move(values)));
    tensor.Clear();  // the file's copy would live as long as the model
  }
  read_input(graph);
  nodes_ = take_nodes_in_order(graph);
  for (const pb::ValueInfoProto& output : graph.output()) outputs_.push_back(output.name());
  for (const pb::StringStringEntryProto& entry : model.metadata_props()) metadata_.insert_or_assign(entry.key(), entry.value());
}

void Network::read_input(const pb::GraphProto& graph) {
  const pb::ValueInfoProto* picture = nullptr;
  for (const pb::ValueInfoProto& input : graph.input()) {
    if (initializers_.contains(input.name())) continue;  // old files list their weights as inputs
    if (picture)
      throw Error("model.unsupported", fmt::format("the model takes '{}' beside '{}'", input.name(), picture->name()),
                  "Supported is one input, a batch of pictures.");
    picture = &input;
  }
  if (!picture) throw Error("model.damaged", "the ONNX file has no input");
  input_name_ = picture->name();
  for (const auto& dimension : picture->type().tensor_type().shape().dim()) input_.push_back(extent_of(dimension));
  if (input_.rank() != 4 || (input_[1] != 3 && input_[1] != 0))
    throw Error("model.unsupported", fmt::format("the input '{}' is {} and no batch of pictures", input_name_, to_string(input_)),
                "Supported is N x 3 x height x width.");
}

graph::Graph Network::graph(const InputShape& shape, const std::vector<std::string>& names) const {
  const Shape wanted{shape.batch, 3, shape.height, shape.width};
  for (std::size_t i = 0; i < 4; ++i)
    if (wanted[i] < 1 || (input_[i] != 0 && input_[i] != wanted[i]))
      throw Error("model.shape",
                  fmt::format("the file cannot take an input of {}: it is made for {}", to_string(wanted), to_string(input_)),
                  "0 stands for any extent. Export the model again for another.");
  graph::Graph graph;
  Translator translator(graph, opset_);
  for (const auto& [name, tensor] : initializers_) translator.define({.name = name, .known = tensor});
  translator.define({.name = input_name_, .value = graph.add_input(graph::input_name, DType::f32, wanted)});
  for (const pb::NodeProto& node : nodes_) translator.translate(node);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Operand& output = translator.find(outputs_[i]);
    if (output.known) throw Error("model.head", fmt::format("the output '{}' does not depend on the picture", outputs_[i]));
    graph.mark_output(output.value, names[i]);
  }
  graph::run_passes(graph);
  return graph;
}

}  // namespace peregrine::onnx
