#include "formats/ultralytics/ultralytics_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "formats/head_check.h"
#include "formats/input_check.h"
#include "formats/torch/tensor_reference.h"
#include "formats/ultralytics/heads.h"
#include "formats/ultralytics/metadata.h"
#include "formats/ultralytics/module_table.h"
#include "graph/head.h"

namespace peregrine::ultralytics {

namespace {

/// Everything that graphs of one checkpoint share.
struct UltralyticsNetwork {
  std::shared_ptr<const pickle::Document> document;  ///< the modules are views of it
  std::vector<Module> modules;
  Weights weights;
  ModelInfo info;
};

/// Inputs of module i: attribute `f` counts modules, -1 is the one before.
std::vector<ValueId> inputs_of(const Module& module, const std::vector<ValueId>& results, ValueId image) {
  const pickle::Value* from = module.attribute("f");
  const auto list = from ? pickle::items(*from) : std::nullopt;
  const auto at = [&](const pickle::Value& value) {
    const auto index = pickle::integer(value);
    const auto done = static_cast<std::int64_t>(results.size());
    if (index == -1) return results.empty() ? image : results.back();
    if (!index || *index >= done || *index < -done)
      throw unsupported_module(module, "takes its input from a module that does not come before it");
    return results[static_cast<std::size_t>(*index < 0 ? done + *index : *index)];
  };
  if (!from) throw unsupported_module(module, "does not say where its input comes from");
  if (!list) return {at(*from)};
  std::vector<ValueId> inputs;
  for (const pickle::Value& value : *list) inputs.push_back(at(value));
  return inputs;
}

graph::Graph build(UltralyticsNetwork& network, const InputShape& shape) {
  const int multiple = network.info.strides.back();
  if (shape.batch < 1 || shape.height < 1 || shape.width < 1 || shape.height % multiple != 0 ||
      shape.width % multiple != 0)
    throw Error(
        "model.shape",
        fmt::format("the model cannot take a batch of {} at {}x{}", shape.batch, shape.width, shape.height),
        fmt::format("Width and height must be multiples of {}.", multiple));
  graph::Graph graph;
  Lowering lowering(graph, network.weights);
  const Shape input{shape.batch, image_channels, shape.height, shape.width};
  const ValueId image = graph.add_input(graph::input_name, DType::f32, input);
  std::vector<ValueId> results;
  for (const Module& module : network.modules) {
    const std::vector<ValueId> inputs = inputs_of(module, results, image);
    if (&module == &network.modules.back())
      lower_head(lowering, module, inputs);
    else
      results.push_back(lowering.module(module, inputs));
  }
  return graph;
}

/// Names the first module that has no lowering, before anything that depends on it can fail.
void require_known(const std::vector<Module>& modules) {
  for (const Module& module : modules)
    if (!find_module(module) && !(is_head(module) && &module == &modules.back()))
      throw unsupported_class(module, &modules.back());
}

/// The network itself must be stock, too: it calls the modules one after another.
void require_stock_tree(const Module& tree) {
  constexpr std::string_view kinds[] = {"DetectionModel", "PoseModel", "SegmentationModel"};
  const std::string full = tree.full_class_name();
  const auto is_full = [&](std::string_view kind) {
    return full == fmt::format("{}.{}", place::tasks, kind);
  };
  if (std::ranges::none_of(kinds, is_full)) throw unsupported_class(tree);
  require_stock_forward(tree);
  stock_child(tree, "model", sequential);
}

/// The first convolution in or below a module.
std::optional<Module> first_convolution(const Module& module, int depth = 0) {
  constexpr int deepest = 32;  // of a forged file, whose modules may contain themselves
  if (conv2d.matches(module)) return module;
  if (depth < deepest)
    for (const Module& child : module.children())
      if (auto found = first_convolution(child, depth + 1)) return found;
  return std::nullopt;
}

void require_colour_input(const Module& first) {
  const std::optional<Module> conv = first_convolution(first);
  const pickle::Value* weight = conv ? conv->tensor("weight") : nullptr;
  const auto tensor = weight ? torch::tensor_reference(*weight) : std::nullopt;
  if (!tensor || tensor->shape.rank() != 4)
    return;  // what else may be wrong with it is said where it is lowered
  if (const std::int64_t channels = tensor->shape[1] * conv->integer("groups"); channels != image_channels)
    throw unsupported_channels(channels);
}

}  // namespace

bool is_ultralytics(const pickle::Value& root) {
  const pickle::Value* network = torch::find_network(root);
  return network && pickle::class_name(*network).starts_with("ultralytics.");
}

Model read_model(torch::Checkpoint checkpoint, ModelInfo info) {
  const std::shared_ptr<const pickle::Document> document = checkpoint.document();
  const Module tree(*torch::find_network(document->root), "");
  if (!tree.find_child("model")) throw unsupported_class(tree);
  const std::shared_ptr<UltralyticsNetwork> network(new UltralyticsNetwork{
      document, tree.child("model").children(), Weights(std::move(checkpoint)), std::move(info)});
  if (network->modules.empty()) throw unsupported_module(tree, "has no modules");
  require_known(network->modules);
  require_stock_tree(tree);
  require_colour_input(network->modules.front());
  describe_head(network->modules.back(), network->weights, network->info);
  describe_training(document->root, tree, network->info);
  network->info.architecture = architecture_of(network->modules);

  // Building one small graph reads all weights and finds whatever is wrong; then the file is not needed any
  // more.
  const int smallest = 2 * network->info.strides.back();
  check_head(build(*network, {1, smallest, smallest}), network->info);
  network->weights.release_file();
  const ModelInfo described = network->info;
  return Model(described, [network](const InputShape& shape) { return build(*network, shape); });
}

}  // namespace peregrine::ultralytics
