// Checkpoints of Ultralytics: a dict whose `ema` or `model` is the module tree.
#pragma once

#include "formats/model.h"
#include "formats/torch/checkpoint.h"

namespace peregrine::ultralytics {

/// True when the file holds a network of a class of Ultralytics' package, whichever.
bool is_ultralytics(const pickle::Value& root);

/// `info` arrives with name and sha256. Throws Error of family "model" whose sentence names no file, among
/// them "model.unsupported" for the first module without a lowering.
Model read_model(torch::Checkpoint checkpoint, ModelInfo info);

}  // namespace peregrine::ultralytics
