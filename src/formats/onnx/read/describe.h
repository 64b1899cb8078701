// Describes an ONNX file by its metadata and the shapes of its outputs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/onnx/read/network.h"
#include "peregrine/model_info.h"

namespace peregrine::onnx {

struct Description {
  ModelInfo info;
  std::vector<std::string> output_names;  ///< as stages know them (graph/head.h), in the file's order
};

/// Fills what `info` lacks; what the file does not say, `told` says. Throws Error "model.head" for outputs
/// that no stage could read or that are not what the file says, "model.unsupported" for tasks, "model.task"
/// where nothing says what the model is.
Description describe(const Network& network, ModelInfo info, const std::optional<TaskHint>& told);

}  // namespace peregrine::onnx
