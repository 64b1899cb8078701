// Retrieval scores of a ReID model over a folder of crops.
#pragma once

#include "engine_cache/engine_context.h"
#include "formats/model.h"
#include "tools/validate/validation.h"

namespace peregrine::validate {

/// `model` is an embedding network; `data` holds query/ and gallery/.
RetrievalSummary validate_reid(const Model& model, const engine_cache::EngineContext& context,
                               const std::filesystem::path& data, const ValidationProgress& progress);

}  // namespace peregrine::validate
