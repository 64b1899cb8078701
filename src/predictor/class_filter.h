// Classes given by a user, by name or index -> class indices of the models.
//
// One text asks for, in this order:
// - "7", digits alone: the class with that index in each model that has so many, as Ultralytics' classes do;
// - the exact name of a class, commas included: all classes of that name, in all models;
// - "name:7": all classes of that name, which is the way to those whose name is a number;
// - otherwise the parts between its commas, each by these rules; spaces around a part do not count.
#pragma once

#include <string>
#include <vector>

#include "peregrine/model_info.h"

namespace peregrine::predictor {

/// Class indices of each model, rising and without repetition.
using ClassesByModel = std::vector<std::vector<int>>;

/// Which objects to keep of each model: an empty list keeps all, and so it is of every model where `wanted`
/// is empty. A model with none of the classes keeps nothing: its list names a class that no model has. Throws
/// "usage.classes" for a text that asks for no class of any model.
ClassesByModel resolve_classes(const std::vector<ModelInfo>& models, const std::vector<std::string>& wanted);

/// Whose objects get embeddings; an empty list: none of that model. Throws "usage.reid_class" as
/// resolve_classes() does.
ClassesByModel resolve_reid_classes(const std::vector<ModelInfo>& models,
                                    const std::vector<std::string>& wanted);

/// Throws "usage.model" for a ReID model among the detectors.
void require_detector(const ModelInfo& model);

/// Throws "usage.model" for a model that gives no embeddings.
void require_reid(const ModelInfo& model);

}  // namespace peregrine::predictor
