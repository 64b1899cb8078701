// A model's engine: out of the store where the choice names one, else built.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "model/model.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

/// `dynamic`: one engine for any batch, height and width. `choices_from`: a plan of this model for another shape, whose
/// choices are taken so that nothing is tuned. Throws "engine.unsupported" naming the nodes that it cannot run, and
/// "store.unverified" for an engine that departs from the FP32 reference.
std::unique_ptr<Engine> build_engine(const Model& model, const provision::EngineChoice& choice, const InputShape& shape,
                                     bool dynamic, const Plan* choices_from = nullptr);
/// The plan alone.
Plan build_plan(const Model& model, const provision::EngineChoice& choice, const InputShape& shape, bool dynamic,
                const Plan* choices_from = nullptr);

}  // namespace peregrine::pipeline
