// Gets a model's engine from the store where the context names one, and builds it otherwise.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "engine_cache/engine_cache.h"
#include "engine_cache/engine_context.h"
#include "formats/model.h"

namespace peregrine::predictor {

/// `dynamic`: one engine for any batch, height and width. `tactics_from`: a plan of this model for another
/// shape, whose choices are taken so that nothing is tuned. Throws "engine.unsupported" naming the nodes that
/// it cannot run, and "store.unverified" for an engine that deviates from the FP32 reference.
std::unique_ptr<Engine> build_engine(const Model& model, const engine_cache::EngineContext& context,
                                     const InputShape& shape, bool dynamic,
                                     const Plan* tactics_from = nullptr);
/// The plan alone.
Plan build_plan(const Model& model, const engine_cache::EngineContext& context, const InputShape& shape,
                bool dynamic, const Plan* tactics_from = nullptr);
/// The plan of any request, whose `verify` is what the context says.
Plan build_plan(const Model& model, const engine_cache::EngineContext& context,
                engine_cache::Request request);

}  // namespace peregrine::predictor
