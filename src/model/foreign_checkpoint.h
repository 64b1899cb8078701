// Checkpoints of other code: what they are, and what to do.
#pragma once

#include "model/pickle/value.h"
#include "peregrine/error.h"

namespace peregrine {

/// Error "model.unknown" of a checkpoint that is neither an Ultralytics model nor the weights of an OSNet.
/// Says whose it is, where its names tell.
Error foreign_checkpoint(const pickle::Document& document);

}  // namespace peregrine
