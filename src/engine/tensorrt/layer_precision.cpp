#include "engine/tensorrt/layer_precision.h"

#include <algorithm>
#include <array>

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

void ask_for_fp16(const NetworkDefinition& network, const std::set<std::string>& nodes,
                  const std::map<std::string, std::string>& fp32_layers) {
  const auto is_of = [](const std::string& layer, const auto& names, auto node_of) {
    return std::ranges::any_of(names, [&](const auto& entry) { return belongs_to(layer, node_of(entry)); });
  };
  for (const Layer& layer : network.layers()) {
    if (!computes(layer)) continue;
    const std::string name = layer.name();
    if (is_of(name, fp32_layers, [](const auto& entry) { return entry.first; }))
      layer.prefer(DataType::f32);
    else if (is_of(name, nodes, [](const auto& node) { return node; }))
      layer.prefer(DataType::f16);
  }
  for (const Tensor& input : network.inputs()) input.require_type(DataType::f16);
  for (const Tensor& output : network.outputs()) output.require_type(DataType::f16);
}

}  // namespace peregrine::tensorrt
