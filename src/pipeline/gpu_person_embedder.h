#pragma once

#include "pipeline/person_embedder.h"

namespace peregrine::pipeline {

/// On the device of `choice`; the persons are uploaded, all else is as in a pipeline.
std::unique_ptr<PersonEmbedder> make_gpu_person_embedder(const Model& model, const provision::EngineChoice& choice,
                                                         const Settings& settings, int most_persons);

}  // namespace peregrine::pipeline
