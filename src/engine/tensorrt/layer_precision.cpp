#include "engine/tensorrt/layer_precision.h"

#include <algorithm>
#include <array>

#include "engine/tensorrt/layer_flow.h"

namespace peregrine::tensorrt {

namespace {

bool computes(const Layer& layer) {
  return std::ranges::any_of(layer.outputs(), [](const Tensor& t) { return t.type() == DataType::f32; });
}

}  // namespace

bool belongs_to(std::string_view name, const std::string& node) {
  if (!name.starts_with(node)) return false;
  name.remove_prefix(node.size());
  return name.empty() ||
         std::ranges::any_of(std::array{".to_f32", ".f32", ".sigmoid"}, [&](std::string_view part) {
           return name == part || (name.starts_with(part) && name[part.size()] == '#');
         });
}

bool WantedPrecision::has_node(std::string_view name) const {
  return std::ranges::any_of(nodes, [&](const std::string& node) { return belongs_to(name, node); });
}

bool WantedPrecision::keeps_fp32(std::string_view name) const {
  return std::ranges::any_of(fp32_layers, [&](const auto& entry) { return belongs_to(name, entry.first); });
}

namespace {

std::vector<std::string> names_of(const std::vector<Tensor>& tensors) {
  std::vector<std::string> names;
  for (const Tensor& tensor : tensors) names.push_back(tensor.name());
  return names;
}

}  // namespace

void ask_for_fp16(const NetworkDefinition& network, const WantedPrecision& wanted) {
  const std::vector<Layer> layers = network.layers();
  std::vector<FlowLayer> flow;
  for (const Layer& layer : layers) {
    const std::string name = layer.name();
    const bool floating = computes(layer);
    const auto kind = wanted.keeps_fp32(name)             ? FlowLayer::Kind::marked
                      : wanted.has_node(name) && floating ? FlowLayer::Kind::node
                                                          : FlowLayer::Kind::passing;
    // What gives integers is like a constant to those that read it.
    flow.push_back(
        {kind, floating ? names_of(layer.inputs()) : std::vector<std::string>{}, names_of(layer.outputs())});
  }
  const std::vector<bool> between = between_marked(flow);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!computes(layers[i])) continue;
    if (flow[i].kind == FlowLayer::Kind::marked || between[i])
      layers[i].prefer(DataType::f32);
    else if (flow[i].kind == FlowLayer::Kind::node)
      layers[i].prefer(DataType::f16);
  }
  for (const Tensor& input : network.inputs()) input.require_type(DataType::f16);
  for (const Tensor& output : network.outputs()) output.require_type(DataType::f16);
}

}  // namespace peregrine::tensorrt
