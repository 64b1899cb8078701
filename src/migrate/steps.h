// The steps of a migration, each in a file of its own under steps/. They leave what they found in Migration::report, and throw
// Error for what ends the migration.
#pragma once

#include "migrate/migration.h"

namespace peregrine::migrate::steps {

/// Machine, libraries, space, rights; chooses the engine.
StepOutcome environment(Migration& migration);
/// Reads each model, checks it against its role, runs it once.
StepOutcome models(Migration& migration);
/// Keeps what is about to change.
StepOutcome backup(Migration& migration);
/// Each model as ONNX, in STORE/onnx.
StepOutcome export_models(Migration& migration);
/// Engines into the store; those of another machine's TensorRT-RTX too, where it is found.
StepOutcome build(Migration& migration);
/// Holds the engines against the FP32 reference. Throws "validation.engine" where one departs, unless Options::unverified.
StepOutcome validate(Migration& migration);
/// Accuracy, speed and memory before and after.
StepOutcome compare(Migration& migration);
/// All roles at once over the pictures, as they will serve.
StepOutcome final_inference(Migration& migration);
/// The engines into service, in one rename.
StepOutcome switch_over(Migration& migration);
/// The page.
StepOutcome report(Migration& migration);

/// Of validate_only: what the store already holds of the engines, and what is in service. Changes nothing.
StepOutcome existing_engines(Migration& migration);

}  // namespace peregrine::migrate::steps
