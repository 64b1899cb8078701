// Reads a checkpoint's metadata beside its modules.
#pragma once

#include <string>
#include <vector>

#include "formats/torch/module.h"
#include "peregrine/model_info.h"

namespace peregrine::ultralytics {

/// Class names and training size, from `root` (the file) and `tree` (the model).
void describe_training(const pickle::Value& root, const torch::Module& tree, ModelInfo& info);

/// "YOLO11", "YOLOv8", told from the blocks that each family brought.
std::string architecture_of(const std::vector<torch::Module>& modules);

}  // namespace peregrine::ultralytics
