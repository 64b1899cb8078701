// What is deployed, as options of a pipeline.
#pragma once

#include "engine_cache/engine_cache.h"
#include "peregrine/pipeline.h"

namespace peregrine::predictor {

/// Names the deployed engines as the models to run, with their engine, precision and batch. Returns the
/// folders of those that were deployed unverified, and are served so; the others still need their
/// verification. Throws "environment.service" when nothing is deployed, "usage.engine" when `options` ask for
/// another engine than serves, or the task slots are served by different ones.
std::vector<std::filesystem::path> take_deployed(Settings& settings, PipelineOptions& options);

/// Persons that one ReID run takes; more go in further runs.
inline constexpr int reid_batch = 16;

/// The batches of a ReID engine whose batch is open: it is fastest at reid_batch.
inline constexpr BatchRange reid_batches{1, reid_batch, 64};

/// Of a ReID model whose file leaves the batch open, and a builder that has an open batch.
engine_cache::Request open_reid_request(const ModelInfo& model);

/// The engine of a model that what is deployed is made of: of the settings' size and batch, for ReID of
/// reid_batches where the builder has an open batch, of reid_batch otherwise.
engine_cache::Request deployment_request(const ModelInfo& model, const engine_cache::EngineContext& context,
                                         const Settings& settings);

}  // namespace peregrine::predictor
