#include "formats/osnet/osnet_model.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <set>
#include <utility>

#include "core/text.h"
#include "formats/input_check.h"
#include "formats/osnet/osnet_layers.h"
#include "formats/torch/tensor_reference.h"
#include "graph/head.h"
#include "peregrine/error.h"

namespace peregrine::osnet {

namespace {

/// 1x1 without activation, depthwise 3x3, normalisation, ReLU.
ValueId light_conv(Layers& layers, const std::string& name, ValueId x) {
  const ValueId y = layers.convolution(name + ".conv1", "", x);
  return layers.relu(name + ".relu", layers.convolution(name + ".conv2", name + ".bn", y, {3, 1, 1}));
}

/// Names of the light convolutions of each of a block's streams: one to four deep. AIN keeps them in lists.
std::vector<std::vector<std::string>> streams_of(const StateDict& state, const std::string& block) {
  const bool lists = state.contains(block + ".conv2.0.layers.0.conv1.weight");
  std::vector<std::vector<std::string>> streams;
  for (int depth = 1; depth <= 4; ++depth) {
    const std::string stream = lists ? fmt::format("{}.conv2.{}.layers", block, depth - 1)
                                     : fmt::format("{}.conv2{}", block, "abcd"[depth - 1]);
    std::vector<std::string>& names = streams.emplace_back();
    for (int i = 0; i < depth; ++i)
      names.push_back(lists || depth > 1 ? fmt::format("{}.{}", stream, i) : stream);
  }
  return streams;
}

/// Omni-scale block: conv3 of the gated sum of all streams, plus what came in. IBN normalises the sum, AIN
/// what conv3 gives (which then has no normalisation of its own).
ValueId omni_scale_block(Layers& layers, const std::string& name, ValueId x) {
  const StateDict& state = layers.state();
  const ValueId reduced = layers.conv_norm_relu(name + ".conv1", x);
  ValueId total = ValueId::none;
  for (const std::vector<std::string>& stream : streams_of(state, name)) {
    ValueId y = reduced;
    for (const std::string& conv : stream) y = light_conv(layers, conv, y);
    y = layers.gate(name + ".gate", stream.back(), y);
    total = total == ValueId::none ? y : layers.add(stream.back() + ".sum", total, y);
  }
  const bool instance = state.contains(name + ".IN.weight"),
             inside = !state.contains(name + ".conv3.bn.weight");
  const std::string own = instance && inside ? "" : name + ".conv3.bn";
  ValueId y = layers.convolution(name + ".conv3.conv", own, total);
  if (instance && inside) y = layers.instance_norm(name + ".IN", y);
  const bool widens = state.contains(name + ".downsample.conv.weight");
  y = layers.add(name + ".add", y, widens ? layers.conv_norm(name + ".downsample", x) : x);
  if (instance && !inside) y = layers.instance_norm(name + ".IN", y);
  return layers.relu(name + ".relu", y);
}

/// Blocks NAME.0, NAME.1, ... as many as there are.
ValueId stage(Layers& layers, const std::string& name, ValueId x) {
  constexpr int most_blocks = 64;
  for (int i = 0; i < most_blocks && layers.state().contains(fmt::format("{}.{}.conv1.conv.weight", name, i));
       ++i)
    x = omni_scale_block(layers, fmt::format("{}.{}", name, i), x);
  return x;
}

/// Between stages: 1x1 and the mean of 2x2. The last part of the stage, or in AIN a part of its own
/// ("pool2").
ValueId transition(Layers& layers, const std::string& stage, const std::string& own, ValueId x) {
  const bool separate = layers.state().contains(own + ".0.conv.weight");
  const std::string name = separate ? own : stage + ".2";
  const ValueId y = layers.conv_norm_relu(name + ".0", x);
  return layers.graph().add(name + ".1", graph::Pool{graph::Pool::Kind::average, {2, 2}, {2, 2}}, {y});
}

struct OsnetNetwork {
  std::shared_ptr<const pickle::Document> document;  ///< the state is a view of it
  StateDict state;
  Weights weights;
};

/// `used`, where given, gets the names of all tensors that the network consists of.
graph::Graph build(OsnetNetwork& network, const InputShape& shape, std::set<std::string>* used = nullptr) {
  if (shape.batch < 1 || shape.height < 1 || shape.width < 1)
    throw Error("model.shape", fmt::format("the model cannot take a batch of {} at {}x{}", shape.batch,
                                           shape.width, shape.height));
  graph::Graph graph;
  Layers layers(graph, network.weights, network.state);
  ValueId x = graph.add_input(graph::input_name, DType::f32,
                              {shape.batch, image_channels, shape.height, shape.width});
  x = layers.conv_norm_relu("conv1", x, {7, 2, 3});
  x = graph.add("maxpool", graph::Pool{graph::Pool::Kind::max, {3, 3}, {2, 2}, {1, 1, 1, 1}}, {x});
  x = transition(layers, "conv2", "pool2", stage(layers, "conv2", x));
  x = transition(layers, "conv3", "pool3", stage(layers, "conv3", x));
  x = layers.conv_norm_relu("conv5", stage(layers, "conv4", x));
  x = graph.add("global_avgpool", graph::GlobalAveragePool{}, {x});
  x = graph.add("flatten", graph::Reshape{{shape.batch, graph.value(x).shape[1]}}, {x});
  graph.mark_output(layers.embedding("fc", x), graph::features_output);
  if (used) *used = layers.used();
  return graph;
}

/// A tensor that the network above has no use for belongs to another network: blocks, branches or layers
/// more.
void require_all_used(const StateDict& state, const std::set<std::string>& used) {
  for (const std::string& name : state.names())
    if (!used.contains(name) && !name.starts_with("classifier.") && !name.ends_with(".num_batches_tracked"))
      throw Error(
          "model.state",
          fmt::format("the checkpoint has the tensor '{}', which no OSNet has", printable(name)),
          "Supported are OSNet, OSNet-IBN and OSNet-AIN as torchreid saves them; other models as .onnx.");
}

void require_colour_input(const StateDict& state) {
  const pickle::Value* weight = state.find_tensor("conv1.conv.weight");
  const auto tensor = weight ? torch::tensor_reference(*weight) : std::nullopt;
  if (tensor && tensor->shape.rank() == 4 && tensor->shape[1] != image_channels)
    throw unsupported_channels(tensor->shape[1]);
}

std::string architecture_of(const StateDict& state, std::int64_t width) {
  constexpr std::array<std::pair<std::int64_t, const char*>, 4> sizes{
      {{64, "x1_0"}, {48, "x0_75"}, {32, "x0_5"}, {16, "x0_25"}}};
  const bool ain = state.contains("pool2.0.conv.weight"), ibn = state.contains("conv2.0.IN.weight");
  const char* family = ain ? "OSNet-AIN" : ibn ? "OSNet-IBN" : "OSNet";
  for (const auto& [channels, size] : sizes)
    if (channels == width) return fmt::format("{} {}", family, size);
  return fmt::format("{} width {}", family, width);
}

}  // namespace

bool is_osnet(const StateDict& state) {
  return state.contains("conv1.conv.weight") && state.contains("conv2.0.gate.fc1.weight") &&
         state.contains("conv5.conv.weight");
}

Model read_model(torch::Checkpoint checkpoint, ModelInfo info) {
  std::shared_ptr<const pickle::Document> document = checkpoint.document();
  StateDict state = StateDict::find(document->root).value_or(StateDict());
  const std::shared_ptr<OsnetNetwork> network(
      new OsnetNetwork{std::move(document), std::move(state), Weights(std::move(checkpoint))});
  info.task = Task::reid;
  info.image_height = 256;
  info.image_width = 128;
  // Building one graph reads all weights and finds whatever is wrong; then the file is not needed any more.
  require_colour_input(network->state);
  std::set<std::string> used;
  const graph::Graph graph = build(*network, {1, info.image_height, info.image_width}, &used);
  require_all_used(network->state, used);
  network->weights.release_file();
  info.architecture = architecture_of(network->state, graph.value(graph.find("conv1.conv")).shape[1]);
  info.embedding = static_cast<int>(graph.value(graph.outputs().front()).shape[1]);
  return Model(std::move(info), [network](const InputShape& shape) { return build(*network, shape); });
}

}  // namespace peregrine::osnet
