// Class names given by a user -> class indices of a model.
#pragma once

#include <string>
#include <vector>

#include "peregrine/model_info.h"

namespace peregrine::pipeline {

/// Throws "usage.classes" when a name is no class of any model.
void require_known_classes(const std::vector<ModelInfo>& models, const std::vector<std::string>& wanted);

/// Each of `wanted` is a class name or number of this model; names that only other models have are left out.
/// Throws "usage.classes" for a number out of range.
std::vector<int> resolve_classes(const ModelInfo& model, const std::vector<std::string>& wanted);

/// Throws "usage.model" for a ReID model among the detectors.
void require_detector(const ModelInfo& model);

/// Throws "usage.model" for a model that gives no embeddings.
void require_reid(const ModelInfo& model);

/// The model and class whose objects get embeddings.
struct ReidTarget {
  int model = -1, class_id = -1;
};

/// The first model, in the order given, that has the class. Throws "usage.reid_class" when none has it.
ReidTarget find_reid_target(const std::vector<ModelInfo>& models, const std::string& class_name);

}  // namespace peregrine::pipeline
