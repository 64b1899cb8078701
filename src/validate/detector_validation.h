// Average precision of detectors over a COCO folder, all models in one pass over the pictures.
#pragma once

#include "validate/validation.h"

namespace peregrine::validate {

/// `options.models` are detectors, at least one.
std::vector<ModelScores> validate_detectors(Settings settings, const ValidationOptions& options,
                                            const ValidationProgress& progress);

/// Class index -> category id, nothing where the data has no such category: by name, or by index (of the categories in order of
/// their ids) when no name of the model occurs at all.
std::vector<std::optional<std::int64_t>> categories_of(const std::vector<std::string>& class_names,
                                                       const std::vector<CocoCategory>& categories);

}  // namespace peregrine::validate
