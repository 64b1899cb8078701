// The precision of a weakly typed network: TensorRT 8 has FP16 by a flag of the builder, and each layer's
// precision is a wish. What became of the wishes is audited after the build (inspection.h).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "engine/tensorrt/library/objects.h"

namespace peregrine::tensorrt {

/// What is asked of an FP16 engine, layer by layer.
struct WantedPrecision {
  std::map<std::string, std::string> fp32_layers;  ///< node of the model -> why it stays in FP32
  std::set<std::string> nodes;                     ///< all of the model, as the exported file names them

  /// Whether a layer of that name is one of the model's, or of those of `fp32_layers`.
  bool has_node(std::string_view name) const;
  bool keeps_fp32(std::string_view name) const;
};

/// Asks for FP16 inputs and outputs, FP16 in the layers of the model's nodes, and FP32 in those that stay so
/// and in what the parser put between them (layer_flow.h). Other layers that the parser made beside the nodes
/// follow their neighbours.
void ask_for_fp16(const NetworkDefinition& network, const WantedPrecision& wanted);

/// Whether a layer or file node `name` is the model's `node`, or one of what the exported file has for it
/// beside (formats/onnx/write/writer.h): a cast, a constant, a step of its operator; with a number where
/// there are several.
bool belongs_to(std::string_view name, const std::string& node);

}  // namespace peregrine::tensorrt
