// A model's graph, brought into shape and built by the chosen engine.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "model/model.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

/// `dynamic`: one engine for any batch, height and width. `choices_from`: a plan of this model for another shape, whose
/// choices are taken so that nothing is tuned. Throws "engine.unsupported" naming the nodes that it cannot run.
std::unique_ptr<Engine> build_engine(const Model& model, const provision::EngineChoice& choice, const InputShape& shape,
                                     bool dynamic, const Plan* choices_from = nullptr);
/// The plan alone.
Plan build_plan(const Model& model, const provision::EngineChoice& choice, const InputShape& shape, bool dynamic,
                const Plan* choices_from = nullptr);

}  // namespace peregrine::pipeline
