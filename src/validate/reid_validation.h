// Retrieval scores of a ReID model over a folder of crops.
#pragma once

#include "model/model.h"
#include "provision/engine_choice.h"
#include "validate/validation.h"

namespace peregrine::validate {

/// `model` is an embedding network; `data` holds query/ and gallery/.
RetrievalSummary validate_reid(const Model& model, const provision::EngineChoice& choice, const std::filesystem::path& data,
                               const ValidationProgress& progress);

}  // namespace peregrine::validate
