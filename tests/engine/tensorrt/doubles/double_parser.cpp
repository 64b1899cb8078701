// The ONNX parser of the double. Its objects are called through their own vtables.
#include <algorithm>

#include "double_model.h"
#include "double_network.h"

namespace tensorrt_double {

namespace {

struct Complaint {
  void** functions;
  Refusal refusal;
};
struct Parser {
  void** functions;
  NetworkState* network;
  Complaint complaint{};
  bool refuses = false;
};

void fill_network(NetworkState& network, const OnnxModel& model) {
  const char* lie = std::getenv("TENSORRT_DOUBLE_TYPE");
  const auto type_of = [lie](const ModelTensor& tensor) { return tensor.is_half && !lie ? half : single; };
  for (const ModelTensor& input : model.inputs()) {
    Dims dims{static_cast<std::int32_t>(input.shape.rank()), {}};
    std::ranges::transform(input.shape, dims.extents,
                           [](auto extent) { return static_cast<Extent>(extent); });
    std::int64_t volume = 1;
    for (const std::int64_t extent : input.shape) volume *= extent;
    if (eight && volume >= std::int64_t{1} << 31)
      throw Refusal{"", "", "volume(dims) < kMAX_TENSOR_SIZE does not hold"};
    network.inputs.push_back(make_tensor(input.name, type_of(input), dims));
  }
  // TensorRT 8's parser makes a plugin of it; later ones have the layer.
  if (const std::string node = model.node_of("InstanceNormalization");
      eight && !node.empty() && !network.has_plugins) {
    log_error("getPluginCreator could not find plugin: InstanceNormalization_TRT version: 1");
    throw Refusal{
        node, "InstanceNormalization",
        "Assertion failed: plugin != nullptr && \"InstanceNormalization plugin was not found in the "
        "plugin registry!\""};
  }
  for (const ModelLayer& layer : eight ? model.parsed_layers() : model.layers()) {
    std::vector<std::unique_ptr<Tensor>> outputs, inputs;
    for (const ModelTensor& output : layer.outputs)
      outputs.push_back(make_tensor(output.name, type_of(output)));
    for (const std::string& input : layer.inputs) inputs.push_back(make_tensor(input, single));
    add_layer(network, layer.name, std::move(outputs), std::move(inputs));
  }
  for (const ModelTensor& output : model.outputs()) {
    network.parsed_outputs.push_back(make_tensor(output.name, type_of(output)));
    network.outputs.push_back(network.parsed_outputs.back().get());
  }
  network.file = model.file();
}

bool parse(Parser* self, const void* data, std::size_t size, const char*) {
  try {
    if (fails("parse")) throw Refusal{"model.3.odd", "Odd", "No importer for this operator"};
    fill_network(*self->network, OnnxModel(std::string(static_cast<const char*>(data), size)));
    return true;
  } catch (const Refusal& refusal) {
    self->complaint.refusal = refusal;
    self->refuses = true;
    return false;
  }
}

}  // namespace

void* make_parser(void* outer) {
  NetworkState* network = static_cast<Network*>(outer)->state;
  static Table complaints{
      {0, +[](Complaint*) { return 6; }},
      {1, +[](Complaint* self) { return self->refusal.why.c_str(); }},
      {5, +[](Complaint* self) { return self->refusal.node.empty() ? -1 : 3; }},
  };
  if (!eight) {
    complaints.add(
        6, +[](Complaint* self) { return self->refusal.node.c_str(); });
    complaints.add(
        7, +[](Complaint* self) { return self->refusal.operation.c_str(); });
  }
  static Table parsers{
      {0, &parse},
      {slot(6, 5, 3), +[](Parser* self) { return self->refuses ? 1 : 0; }},
      {slot(7, 6, 4), +[](Parser* self, std::int32_t) { return &self->complaint; }},
      {slot(10, 9, 7),
       +[](Parser* self) {
         self->network->parser_lives = false;
         delete self;
       }},
  };
  network->parser_lives = true;
  return new Parser{parsers.slots, network, {complaints.slots, {}}};
}

}  // namespace tensorrt_double
