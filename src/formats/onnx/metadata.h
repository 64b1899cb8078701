// Reads Ultralytics' keys among an ONNX file's metadata.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "peregrine/model_info.h"

namespace peregrine::onnx {

/// Nothing: the file does not say it.
struct Stated {
  std::optional<Task> task;
  std::optional<std::vector<std::string>> names;  ///< by class index
  std::optional<std::pair<int, int>> keypoints;   ///< how many, numbers of each (kpt_shape)
  std::optional<std::pair<int, int>> size;        ///< height, width (imgsz)
  bool final_boxes = false;  ///< suppression is inside of the file, or the head needs none
};

/// Throws Error "model.unsupported" for tasks and inputs that are not run, "model.head" for what cannot be
/// read.
Stated stated_by(const std::map<std::string, std::string>& metadata);

}  // namespace peregrine::onnx
