#include "engine/tensorrt/precision_audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

bool is_single(DataType type) { return type == DataType::f32; }
bool is_half(DataType type) { return type == DataType::f16; }

/// The reason under the name of the layer, or of the model's node from which the parser made it.
std::string reason_for(const Layer& layer, const std::map<std::string, std::string>& reasons) {
  const std::string name = layer.name(), origin = layer.metadata();
  for (const auto& [node, reason] : reasons)
    if (name == node || origin.find("[ONNX Layer: " + node + "]") != std::string::npos) return reason;
  return {};
}

}  // namespace

PrecisionAudit audit_precision(const NetworkDefinition& network, const std::map<std::string, std::string>& reasons) {
  PrecisionAudit audit;
  for (const Layer& layer : network.layers()) {
    const std::vector<Tensor> outputs = layer.outputs();
    const auto has = [&](auto test) { return std::ranges::any_of(outputs, [&](const Tensor& t) { return test(t.type()); }); };
    if (has(is_single)) {
      ++audit.single_layers;
      audit.exceptions.push_back({printable(layer.name()), reason_for(layer, reasons)});
    } else if (has(is_half)) {
      ++audit.half_layers;
    }
  }
  return audit;
}

void require_precision(const NetworkDefinition& network, const PrecisionAudit& audit, Precision wanted) {
  if (wanted != Precision::fp16) return;
  for (const PrecisionAudit::Exception& exception : audit.exceptions)
    if (exception.reason.empty())
      throw Error("engine.precision",
                  fmt::format("FP16 was asked for, and layer '{}' computes in FP32 for no reason that the export gives.",
                              exception.layer),
                  "Build with --precision fp32, and report it.");
  for (const Tensor& output : network.outputs())
    if (!is_half(output.type()))
      throw Error("engine.precision",
                  fmt::format("FP16 was asked for, and output '{}' is {}.", printable(output.name()), to_string(output.type())),
                  "Build with --precision fp32, and report it.");
}

std::string to_string(const PrecisionAudit& audit) {
  std::string text = fmt::format("{} of {} layers compute in FP16", audit.half_layers, audit.half_layers + audit.single_layers);
  constexpr std::size_t most_named = 20;
  if (audit.half_layers > 0)
    for (std::size_t i = 0; i < std::min(audit.exceptions.size(), most_named); ++i)
      text += fmt::format("; '{}' in FP32: {}", audit.exceptions[i].layer, audit.exceptions[i].reason);
  return text + ".";
}

}  // namespace peregrine::tensorrt
