#include "formats/onnx/write/fp32_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/onnx/decode_head.h"

namespace peregrine::onnx {

namespace {

constexpr float largest_half = 65504;
constexpr const char* exact_steps =
    "positions in pixels, which FP16 rounds to half a pixel from 512 on, need exact steps on the way";

float largest_of(const HostTensor& tensor) {
  if (tensor.dtype() != DType::f32) return 0;
  float largest = 0;
  for (std::int64_t i = 0; i < tensor.shape().elements(); ++i)
    if (std::isfinite(tensor.as<float>()[i])) largest = std::max(largest, std::abs(tensor.as<float>()[i]));
  return largest;
}

}  // namespace

std::map<std::string, std::string> fp32_layers(const graph::Graph& graph) {
  std::map<std::string, std::string> parts;
  for (const graph::Node& node : graph.nodes()) {
    if (std::ranges::find(position_steps(), node.name) != position_steps().end())
      parts[node.name] = exact_steps;
    for (const graph::ValueId id : node.inputs) {
      const graph::Value& value = graph.value(id);
      const float largest = value.constant ? largest_of(*value.constant) : 0;
      if (largest > largest_half)
        parts.try_emplace(node.name,
                          fmt::format("'{}' reaches {}, which FP16 cannot hold", value.name, largest));
    }
  }
  return parts;
}

}  // namespace peregrine::onnx
