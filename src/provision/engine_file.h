// Engines of TensorRT in Ultralytics' layout: run as they are, and made.
#pragma once

#include <filesystem>

#include "provision/provision.h"

namespace peregrine::provision {

/// The model is such a file: only TensorRT can run it, nothing else can be made of it, and nothing says how far it departs.
bool is_engine_file(const Model& model);

/// For the builder of `choice`. Throws Error "engine.plan" where that is none of TensorRT's, and what load_model throws.
Plan plan_of_engine_file(const Model& model, const EngineChoice& choice);

/// Builds an engine of TensorRT with a decoded head, and writes it to `file` whole or not at all; compares it with the FP32
/// reference where the machine can run it, and says in the record what became of that. The store is not touched.
/// Throws Error "usage.ultralytics" for ReID models, and what obtain() and write_file() throw.
store::ValidationRecord build_engine_file(const Model& model, const EngineChoice& choice, const Request& request,
                                          const std::filesystem::path& file);

}  // namespace peregrine::provision
