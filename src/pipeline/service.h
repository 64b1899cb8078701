// What is in service, as options of a pipeline.
#pragma once

#include "peregrine/pipeline.h"
#include "provision/provision.h"

namespace peregrine::pipeline {

/// Names the engines in service as the models to run, with their engine, precision and batch. Returns the folders of those that
/// were put into service unverified, and are served so; the others still need their verification. Throws
/// "environment.service" when nothing is in service, "usage.engine" when `options` ask for another engine than serves, or
/// the roles are served by different ones.
std::vector<std::filesystem::path> take_service(Settings& settings, PipelineOptions& options);

/// Persons that one ReID run takes; more go in further runs.
inline constexpr int reid_batch = 16;

/// The engine of a model that what is in service is made of: of the settings' size and batch, for ReID of reid_batch.
provision::Request service_request(const ModelInfo& model, const provision::EngineChoice& choice, const Settings& settings);

}  // namespace peregrine::pipeline
