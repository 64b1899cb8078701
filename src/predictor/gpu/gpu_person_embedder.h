#pragma once

#include "predictor/person_embedder.h"

namespace peregrine::predictor {

/// On the device of `choice`; the persons are uploaded, all else is as in a pipeline.
std::unique_ptr<PersonEmbedder> make_gpu_person_embedder(const Model& model,
                                                         const engine_cache::EngineContext& context,
                                                         const Settings& settings, int most_persons);

}  // namespace peregrine::predictor
