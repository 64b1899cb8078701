#include "engine/tensorrt/precision_audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "engine/tensorrt/layer_precision.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

bool is_single(DataType type) { return type == DataType::f32; }
bool is_half(DataType type) { return type == DataType::f16; }

/// The reason under the name of the layer, or of the model's node from which the parser made it.
std::string reason_for(const Layer& layer, const std::map<std::string, std::string>& reasons) {
  constexpr std::string_view mark = "[ONNX Layer: ";
  std::vector<std::string> names{layer.name()};
  const std::string origin = layer.metadata();
  for (std::size_t at = origin.find(mark); at != std::string::npos; at = origin.find(mark, at + 1)) {
    const std::size_t begin = at + mark.size();
    names.push_back(origin.substr(begin, origin.find(']', begin) - begin));
  }
  for (const std::string& name : names)
    for (const auto& [node, reason] : reasons)
      if (belongs_to(name, node)) return reason;
  return {};
}

/// Of a layer that the parser put in beside the model's nodes (a broadcast, a reshape), which only passes on
/// what it gets.
std::string inherited_reason(const Layer& layer, const std::map<std::string, std::string>& excused) {
  for (const Tensor& input : layer.inputs())
    if (const auto found = excused.find(input.name()); found != excused.end()) return found->second;
  return {};
}

}  // namespace

PrecisionAudit audit_precision(const NetworkDefinition& network,
                               const std::map<std::string, std::string>& reasons) {
  PrecisionAudit audit;
  std::map<std::string, std::string> excused;  // FP32 tensors, with the reason of the layer that makes them
  for (const Layer& layer : network.layers()) {
    const std::vector<Tensor> outputs = layer.outputs();
    const auto has = [&](auto test) {
      return std::ranges::any_of(outputs, [&](const Tensor& t) { return test(t.type()); });
    };
    if (has(is_single)) {
      ++audit.single_layers;
      std::string reason = reason_for(layer, reasons);
      if (reason.empty() && layer.metadata().empty()) reason = inherited_reason(layer, excused);
      if (!reason.empty())
        for (const Tensor& output : outputs) excused[output.name()] = reason;
      audit.exceptions.push_back({printable(layer.name()), reason});
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
      throw Error(
          "engine.precision",
          fmt::format(
              "FP16 was asked for, and layer '{}' computes in FP32 for no reason that the export gives.",
              exception.layer),
          "Build with --precision fp32.");
  for (const Tensor& output : network.outputs())
    if (!is_half(output.type()))
      throw Error("engine.precision",
                  fmt::format("FP16 was asked for, and output '{}' is {}.", printable(output.name()),
                              to_string(output.type())),
                  "Build with --precision fp32.");
}

std::string to_string(const PrecisionAudit& audit) {
  std::string text = fmt::format("{} of {} layers compute in FP16", audit.half_layers,
                                 audit.half_layers + audit.single_layers);
  if (audit.half_layers == 0) return text + ".";  // FP32 was asked for
  std::map<std::string, std::string> layers;      // by reason
  for (const PrecisionAudit::Exception& exception : audit.exceptions) {
    std::string& names = layers[exception.reason];
    names += fmt::format("{}'{}'", names.empty() ? "" : ", ", exception.layer);
  }
  for (const auto& [reason, names] : layers) text += fmt::format("; in FP32: {} ({})", names, reason);
  return text + ".";
}

}  // namespace peregrine::tensorrt
