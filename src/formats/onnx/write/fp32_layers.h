// The layers that stay FP32 in an FP16 file, with their reasons.
#pragma once

#include <map>
#include <string>

#include "graph/graph.h"

namespace peregrine::onnx {

/// Node -> reason: the steps of a decoded head that make positions, and nodes with a weight beyond FP16's
/// range. For WriteOptions::single.
std::map<std::string, std::string> fp32_layers(const graph::Graph& graph);

}  // namespace peregrine::onnx
