// Average precision of detectors over a COCO folder, all models in one pass over the images.
#pragma once

#include "tools/validate/validation.h"

namespace peregrine::validate {

/// `options.models` are detectors, at least one.
std::vector<ModelScores> validate_detectors(Settings settings, const ValidationOptions& options,
                                            const ValidationProgress& progress);

}  // namespace peregrine::validate
