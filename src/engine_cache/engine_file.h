// TensorRT engines in Ultralytics' file layout: the project runs them as they are, and writes them.
#pragma once

#include <filesystem>

#include "engine_cache/engine_cache.h"

namespace peregrine::engine_cache {

/// Whether the model is such a file. Only TensorRT can run it, no other engine can be built of it, and
/// nothing says how far it deviates.
bool is_engine_file(const Model& model);

/// For the builder of `choice`. Throws Error "engine.plan" where that is none of TensorRT's, and what
/// load_model throws.
Plan plan_of_engine_file(const Model& model, const EngineContext& context);

/// Builds an engine of TensorRT with a decoded head, and writes it to `file` whole or not at all; compares it
/// with the FP32 reference where the machine can run it, and says in the record what became of that. The
/// store is not touched. Throws Error "usage.ultralytics" for ReID models, and what get_or_build() and
/// write_file() throw.
store::ValidationRecord build_engine_file(const Model& model, const EngineContext& context,
                                          const Request& request, const std::filesystem::path& file);

}  // namespace peregrine::engine_cache
