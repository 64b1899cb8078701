#include "formats/onnx/read/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "formats/advice.h"
#include "formats/finite.h"
#include "formats/onnx/image_input.h"
#include "formats/onnx/read/finite/finite_outputs.h"
#include "formats/onnx/read/node_order.h"
#include "formats/onnx/read/operators.h"
#include "formats/onnx/read/translation.h"
#include "formats/onnx/tensors.h"
#include "graph/head.h"
#include "graph/passes.h"

namespace peregrine::onnx {

namespace {

pb::ModelProto parse(std::span<const std::byte> file) {
  constexpr const char* hint = "Copy, download or export it again.";
  pb::ModelProto model;
  if (file.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw Error("model.unsupported", "ONNX files beyond 2 GB are not supported");
  if (!model.ParseFromArray(file.data(), static_cast<int>(file.size())))
    throw Error("model.damaged", "the ONNX file is damaged or cut short", hint);
  if (model.opset_import_size() == 0)
    throw Error("model.damaged", "the ONNX file does not name its opset", hint);
  if (!model.has_graph() || model.graph().node_size() == 0)
    throw Error("model.damaged", "the ONNX file has no graph", hint);
  return model;
}

std::int64_t opset_of(const pb::ModelProto& model) {
  constexpr std::int64_t oldest = 7;   // before it, broadcasting was different
  constexpr std::int64_t newest = 28;  // a later one may give an operator another meaning
  for (const pb::OperatorSetIdProto& set : model.opset_import()) {
    if (!set.domain().empty() && set.domain() != "ai.onnx") continue;
    if (set.version() < oldest || set.version() > newest)
      throw Error("model.unsupported",
                  fmt::format("the ONNX file is of opset {}{}", set.version(),
                              set.version() > newest ? ", newer than this version knows" : ""),
                  fmt::format("Export with an opset from {} to {}.", oldest, newest));
    return set.version();
  }
  throw Error("model.unsupported", "the ONNX file has none of ONNX's own operators", advice::own_operators);
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
  if (graph.sparse_initializer_size() > 0)
    throw Error("model.unsupported", "sparse weights are not supported");
  const std::set<std::string> factors = factors_of(graph);
  for (pb::TensorProto& tensor : *graph.mutable_initializer()) {
    HostTensor values = from_proto(tensor);
    factors.contains(tensor.name()) ? require_finite(values, tensor.name())
                                    : require_no_nan(values, tensor.name());
    initializers_.insert_or_assign(tensor.name(), std::make_shared<const HostTensor>(std::move(values)));
    tensor.Clear();  // the file's copy would live as long as the model
  }
  ImageInput image = read_image_input(graph, [&](const std::string& name) { return constant(name); });
  input_name_ = std::move(image.name);
  input_ = image.shape;
  nodes_ = take_nodes_in_order(graph);
  for (const pb::ValueInfoProto& output : graph.output()) outputs_.push_back(output.name());
  for (const pb::StringStringEntryProto& entry : model.metadata_props())
    metadata_.insert_or_assign(entry.key(), entry.value());
}

std::shared_ptr<const HostTensor> Network::constant(const std::string& name) const {
  const auto found = initializers_.find(name);
  return found == initializers_.end() ? nullptr : found->second;
}

graph::Graph Network::graph(const InputShape& shape, const std::vector<std::string>& names,
                            bool normalised) const {
  const Shape wanted{shape.batch, 3, shape.height, shape.width};
  for (std::size_t i = 0; i < 4; ++i)
    if (wanted[i] < 1 || (input_[i] != 0 && input_[i] != wanted[i]))
      throw Error("model.shape",
                  fmt::format("the file cannot take an input of {}: it is made for {}", to_string(wanted),
                              to_string(input_)),
                  "0 stands for any extent. Export the model again for another.");
  graph::Graph graph;
  Translator translator(graph, opset_);
  for (const auto& [name, tensor] : initializers_) translator.define({.name = name, .known = tensor});
  translator.define({.name = input_name_, .value = graph.add_input(graph::input_name, DType::f32, wanted)});
  refuse_suppression(nodes_);
  for (const pb::NodeProto& node : nodes_) translator.translate(node);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const OnnxValue& output = translator.find(outputs_[i]);
    if (output.known)
      throw Error("model.head", fmt::format("the output '{}' does not depend on the image", outputs_[i]));
    graph.mark_output(output.value, names[i]);
  }
  check_input_use(graph, normalised);
  require_finite_outputs(graph);
  graph::run_passes(graph);
  return graph;
}

}  // namespace peregrine::onnx
