#include "engine/tensorrt/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
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

/// The names of nodes in a fused layer's name: "PWN(PWN(a.sigmoid), a)", "a + b", "{ForeignNode[a...b]}".
std::vector<std::string> nodes_in(std::string name) {
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

/// Why the layer may give FP32; empty where nothing says so.
std::string reason_for(const InspectedLayer& layer, const std::map<std::string, std::string>& fp32_layers) {
  for (const std::string& name : nodes_in(layer.name))
    for (const auto& [node, reason] : fp32_layers)
      if (belongs_to(name, node)) return reason;
  constexpr std::string_view movers[] = {"Constant", "NoOp", "Reformat"};
  return std::ranges::find(movers, layer.kind) != std::end(movers) ? "it computes nothing" : "";
}

}  // namespace

std::vector<InspectedLayer> inspected_layers(const std::string& text) {
  std::vector<InspectedLayer> layers;
  const json engine = json::parse(text, nullptr, false);
  if (!engine.is_object() || !engine.contains("Layers") || !engine["Layers"].is_array()) return layers;
  for (const json& layer : engine["Layers"]) {
    if (!layer.is_object() || !layer.contains("Outputs")) continue;
    std::string types;
    for (const json& output : layer["Outputs"])
      if (output.is_object()) types += text_of(output, "Format/Datatype") + '\n';
    const auto has = [&](const char* type) { return types.find(type) != std::string::npos; };
    const bool single = has("Float") || has("FP32");
    if (single || has("Half") || has("FP16"))
      layers.push_back({text_of(layer, "Name"), text_of(layer, "LayerType"), single});
  }
  return layers;
}

std::string summarize(const std::vector<InspectedLayer>& layers,
                      const std::map<std::string, std::string>& fp32_layers) {
  if (layers.empty()) return {};
  std::string singles;
  for (const InspectedLayer& layer : layers) {
    if (!layer.gives_fp32) continue;
    const std::string reason = reason_for(layer, fp32_layers);
    singles += fmt::format("{}'{}'{}", singles.empty() ? "; in FP32: " : ", ", layer.name,
                           reason.empty() ? "" : fmt::format(" ({})", reason));
  }
  return fmt::format("{} of {} layers give FP16{}.",
                     std::ranges::count(layers, false, &InspectedLayer::gives_fp32), layers.size(), singles);
}

void require_fp16(const std::vector<InspectedLayer>& layers,
                  const std::map<std::string, std::string>& fp32_layers) {
  constexpr const char* hint = "Build with --precision fp32.";
  if (layers.empty())
    throw Error("engine.precision",
                "FP16 was asked for, and the library does not tell what its layers compute in.", hint);
  for (const InspectedLayer& layer : layers)
    if (layer.gives_fp32 && reason_for(layer, fp32_layers).empty())
      throw Error("engine.precision",
                  fmt::format("FP16 was asked for, and TensorRT built layer '{}' in FP32.", layer.name),
                  hint);
}

std::vector<InspectedLayer> inspect(const Library& library, std::span<const std::byte> plan) {
  library.logger().begin();
  const RuntimeObject runtime(library);
  const std::optional<EngineObject> engine = runtime.deserialize(plan);
  if (!engine) throw_failure(library, "load the engine that it built");
  return inspected_layers(engine->inspect());
}

}  // namespace peregrine::tensorrt
