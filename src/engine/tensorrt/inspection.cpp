#include "engine/tensorrt/inspection.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/text.h"
#include "engine/tensorrt/library/objects.h"

namespace peregrine::tensorrt {

using nlohmann::json;

namespace {

std::string name_of(const json& layer) {
  const auto name = layer.find("Name");
  return name != layer.end() && name->is_string() ? printable(name->get<std::string>()) : "";
}

}  // namespace

std::string summarize_inspection(const std::string& text) {
  const json engine = json::parse(text, nullptr, false);
  if (!engine.is_object() || !engine.contains("Layers") || !engine["Layers"].is_array()) return {};
  int half = 0, all = 0;
  std::string singles;
  for (const json& layer : engine["Layers"]) {
    if (!layer.is_object() || !layer.contains("Outputs")) continue;
    const std::string outputs = layer["Outputs"].dump();
    const bool single =
        outputs.find("Float") != std::string::npos || outputs.find("FP32") != std::string::npos;
    const bool is_half =
        outputs.find("Half") != std::string::npos || outputs.find("FP16") != std::string::npos;
    all += single || is_half;
    half += is_half && !single;
    if (single) singles += fmt::format("{}'{}'", singles.empty() ? "; in FP32: " : ", ", name_of(layer));
  }
  return all == 0 ? std::string{} : fmt::format("{} of {} layers give FP16{}.", half, all, singles);
}

std::string inspect(const Library& library, std::span<const std::byte> plan) {
  library.logger().begin();
  const RuntimeObject runtime(library);
  const std::optional<EngineObject> engine = runtime.deserialize(plan);
  if (!engine) throw_failure(library, "load the engine that it built");
  return summarize_inspection(engine->inspect());
}

}  // namespace peregrine::tensorrt
