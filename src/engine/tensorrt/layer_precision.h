// The precision of a weakly typed network: TensorRT 8 has FP16 by a flag of the builder, and each layer's
// precision is a wish. What became of the wishes is audited after the build (inspection.h).
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "engine/tensorrt/library/objects.h"

namespace peregrine::tensorrt {

/// Asks for FP16 inputs and outputs, FP16 in the layers of `nodes` (the model's), and FP32 in those of
/// `fp32_layers` (node -> reason). Layers that the parser made beside the nodes follow their neighbours.
void ask_for_fp16(const NetworkDefinition& network, const std::set<std::string>& nodes,
                  const std::map<std::string, std::string>& fp32_layers);

/// Whether a layer or file node `name` is the model's `node`, or one of what the exported file has for it
/// beside (formats/onnx/write/writer.h): a cast, a constant, a step of its operator; with a number where
/// there are several.
bool belongs_to(std::string_view name, const std::string& node);

}  // namespace peregrine::tensorrt
