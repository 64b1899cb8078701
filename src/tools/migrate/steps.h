// The steps of a migration, each in a file of its own under steps/. They leave what they found in
// Migration::report, and throw Error for what ends the migration.
#pragma once

#include "tools/migrate/migration.h"

namespace peregrine::migrate::steps {

/// Machine, libraries, space, rights; chooses the engine.
StepSummary environment(Migration& migration);
/// Reads each model, checks it against its task slot, runs it once.
StepSummary models(Migration& migration);
/// Keeps what is about to change.
StepSummary backup(Migration& migration);
/// Each model as ONNX, in STORE/onnx.
StepSummary export_models(Migration& migration);
/// Engines into the store; those of another machine's TensorRT-RTX too, where it is found.
StepSummary build(Migration& migration);
/// Holds the engines against the FP32 reference. Throws "validation.engine" where one deviates, unless
/// Options::unverified.
StepSummary validate(Migration& migration);
/// Accuracy, speed and memory before and after.
StepSummary compare(Migration& migration);
/// All task slots at once over the images, as they will serve.
StepSummary final_inference(Migration& migration);
/// The engines into service, in one rename.
StepSummary switch_over(Migration& migration);
/// The page.
StepSummary report(Migration& migration);

/// Of validate_only: what the store already holds of the engines, and what is deployed. Changes nothing.
StepSummary existing_engines(Migration& migration);

}  // namespace peregrine::migrate::steps
