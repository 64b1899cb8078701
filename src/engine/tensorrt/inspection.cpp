#include "engine/tensorrt/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "engine/tensorrt/layer_flow.h"
#include "engine/tensorrt/layer_precision.h"
#include "engine/tensorrt/library/objects.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

using nlohmann::json;

namespace {

std::string text_of(const json& layer, const char* key) {
  const auto text = layer.find(key);
  return text != layer.end() && text->is_string() ? printable(text->get<std::string>()) : "";
}

/// Without what the parser calls its own layers: "(Unnamed Layer* 12) [Shuffle]".
std::string without_unnamed(std::string name) {
  constexpr std::string_view unnamed = "(Unnamed Layer* ";
  for (std::size_t at = name.find(unnamed); at != std::string::npos; at = name.find(unnamed, at)) {
    std::size_t end = std::min(name.find(')', at), name.size() - 1) + 1;
    if (name.compare(end, 2, " [") == 0) end = std::min(name.find(']', end), name.size() - 1) + 1;
    name.erase(at, end - at);
  }
  return name;
}

/// The names of nodes in a fused layer's name: "PWN(PWN(a.sigmoid), a)", "a + b", "{ForeignNode[a...b]}".
std::vector<std::string> nodes_in(std::string name) {
  name = without_unnamed(std::move(name));
  for (std::size_t at = name.find("..."); at != std::string::npos; at = name.find("...", at))
    name.replace(at, 3, " ");
  std::vector<std::string> nodes;
  constexpr const char* separators = " +(),[]{}";
  for (std::size_t begin = name.find_first_not_of(separators); begin != std::string::npos;) {
    const std::size_t end = std::min(name.find_first_of(separators, begin), name.size());
    nodes.push_back(name.substr(begin, end - begin));
    begin = name.find_first_not_of(separators, end);
  }
  return nodes;
}

/// Why one of its nodes stays in FP32; null where none does.
const std::string* marked_by(const InspectedLayer& layer, const WantedPrecision& wanted) {
  for (const std::string& name : nodes_in(layer.name))
    for (const auto& [node, reason] : wanted.fp32_layers)
      if (belongs_to(name, node)) return &reason;
  return nullptr;
}

/// Its name is that of the layer for which it changes a type or layout.
bool converts(const InspectedLayer& layer) {
  constexpr std::string_view kinds[] = {"Constant", "NoOp", "Reformat", "Cast", "Identity"};
  return std::ranges::find(kinds, layer.kind) != std::end(kinds);
}

bool computes_nothing(const InspectedLayer& layer) {
  constexpr std::string_view kinds[] = {"Shuffle", "Slice", "Concatenation"};
  return converts(layer) || std::ranges::find(kinds, layer.kind) != std::end(kinds);
}

/// Shown as one layer, whatever is in it.
bool is_part(const InspectedLayer& layer) { return layer.name.find("ForeignNode") != std::string::npos; }

FlowLayer flow_of(const InspectedLayer& layer, const WantedPrecision& wanted) {
  if (!layer.floating) return {FlowLayer::Kind::passing, {}, layer.outputs};
  const bool of_node = std::ranges::any_of(nodes_in(layer.name),
                                           [&](const std::string& name) { return wanted.has_node(name); });
  return {marked_by(layer, wanted)              ? FlowLayer::Kind::marked
          : of_node && !computes_nothing(layer) ? FlowLayer::Kind::node
                                                : FlowLayer::Kind::passing,
          layer.inputs, layer.outputs};
}

/// Why each layer may give FP32; empty where nothing says so.
std::vector<std::string> reasons_for(const std::vector<InspectedLayer>& layers,
                                     const WantedPrecision& wanted) {
  std::vector<FlowLayer> flow;
  for (const InspectedLayer& layer : layers) flow.push_back(flow_of(layer, wanted));
  const std::vector<bool> between = between_marked(flow);
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string* reason = marked_by(layers[i], wanted);
    reasons.emplace_back(reason                        ? *reason
                         : computes_nothing(layers[i]) ? "it computes nothing"
                         : between[i]                  ? "it lies between layers that stay in FP32"
                                                       : "");
  }
  return reasons;
}

/// Whether another layer reads what it gives, as far as the library tells.
bool is_read(const InspectedLayer& layer, const std::vector<InspectedLayer>& layers) {
  return layer.outputs.empty() || std::ranges::any_of(layers, [&](const InspectedLayer& other) {
           return std::ranges::find_first_of(layer.outputs, other.inputs) != layer.outputs.end();
         });
}

std::vector<std::string> names_of(const json& layer, const char* tensors) {
  std::vector<std::string> names;
  const auto found = layer.find(tensors);
  if (found == layer.end() || !found->is_array()) return names;
  for (const json& tensor : *found)
    if (tensor.is_object())
      if (std::string name = text_of(tensor, "Name"); !name.empty()) names.push_back(std::move(name));
  return names;
}

/// The types of a layer's outputs. With an open batch TensorRT 8 names none ("N/A due to dynamic shapes");
/// then a layer that has weights computes in their type, and the others do not tell.
std::string types_of(const json& layer) {
  std::string types;
  for (const json& output : layer["Outputs"])
    if (output.is_object()) types += text_of(output, "Format/Datatype") + '\n';
  const auto weights = layer.find("Weights");
  if (types.find("N/A") != std::string::npos && weights != layer.end() && weights->is_object())
    types = text_of(*weights, "Type");
  return types;
}

}  // namespace

std::vector<InspectedLayer> inspected_layers(const std::string& text) {
  std::vector<InspectedLayer> layers;
  const json engine = json::parse(text, nullptr, false);
  if (!engine.is_object() || !engine.contains("Layers") || !engine["Layers"].is_array()) return layers;
  bool tells = false;
  for (const json& layer : engine["Layers"]) {
    if (!layer.is_object() || !layer.contains("Outputs")) continue;
    const std::string types = types_of(layer);
    const auto has = [&](const char* type) { return types.find(type) != std::string::npos; };
    const bool single = has("Float") || has("FP32"), floating = single || has("Half") || has("FP16");
    tells = tells || floating;
    layers.push_back({text_of(layer, "Name"), text_of(layer, "LayerType"), single, names_of(layer, "Inputs"),
                      names_of(layer, "Outputs"), floating});
  }
  if (!tells) layers.clear();
  return layers;
}

std::string summarize(const std::vector<InspectedLayer>& layers, const WantedPrecision& wanted) {
  if (layers.empty()) return {};
  const std::vector<std::string> reasons = reasons_for(layers, wanted);
  std::string singles;
  int halves = 0, all = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].floating) continue;
    ++all;
    halves += !layers[i].gives_fp32;
    if (layers[i].gives_fp32)
      singles += fmt::format("{}'{}'{}", singles.empty() ? "; in FP32: " : ", ", layers[i].name,
                             reasons[i].empty() ? "" : fmt::format(" ({})", reasons[i]));
  }
  return fmt::format("{} of {} layers give FP16{}.", halves, all, singles);
}

std::vector<std::string> not_told(const std::vector<InspectedLayer>& layers, const WantedPrecision& wanted) {
  std::vector<std::string> missing;
  for (const auto& [node, reason] : wanted.fp32_layers)
    if (std::ranges::none_of(layers, [&](const InspectedLayer& layer) {
          return std::ranges::any_of(nodes_in(layer.name),
                                     [&](const std::string& name) { return belongs_to(name, node); });
        }))
      missing.push_back(node);
  return missing;
}

void require_fp16(const std::vector<InspectedLayer>& layers, const WantedPrecision& wanted) {
  constexpr const char* hint = "Build with --precision fp32.";
  if (layers.empty())
    throw Error("engine.precision",
                "FP16 was asked for, and the library does not tell what its layers compute in.", hint);
  const std::vector<std::string> reasons = reasons_for(layers, wanted);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const InspectedLayer& layer = layers[i];
    if (!layer.floating) continue;
    if (layer.gives_fp32 && reasons[i].empty())
      throw Error("engine.precision",
                  fmt::format("FP16 was asked for, and TensorRT built layer '{}' in FP32.", layer.name),
                  hint);
    const std::string* marked = layer.gives_fp32 ? nullptr : marked_by(layer, wanted);
    if (marked && !is_part(layer) && !converts(layer) && is_read(layer, layers))
      throw Error("engine.precision",
                  fmt::format("FP32 was asked for in layer '{}' ({}), and TensorRT built it in FP16.",
                              layer.name, *marked),
                  hint);
  }
}

std::vector<InspectedLayer> inspect(const Library& library, std::span<const std::byte> plan) {
  library.logger().begin();
  const RuntimeObject runtime(library);
  const std::optional<EngineObject> engine = runtime.deserialize(plan);
  if (!engine) throw_failure(library, "load the engine that it built");
  return inspected_layers(engine->inspect());
}

}  // namespace peregrine::tensorrt
