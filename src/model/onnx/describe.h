// What an ONNX file is: from its metadata, and from the shapes of its outputs.
#pragma once

#include <string>
#include <vector>

#include "model/onnx/network.h"
#include "peregrine/model_info.h"

namespace peregrine::onnx {

struct Description {
  ModelInfo info;
  std::vector<std::string> output_names;  ///< as stages know them (graph/head.h), in the file's order
};

/// Fills what `info` lacks. Throws Error "model.head" for outputs that no stage could read, "model.unsupported" for
/// tasks.
Description describe(const Network& network, ModelInfo info);

}  // namespace peregrine::onnx
