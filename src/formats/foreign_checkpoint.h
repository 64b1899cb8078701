// Recognises checkpoints of other programs and says what to do with them.
#pragma once

#include "formats/pickle/value.h"
#include "peregrine/error.h"

namespace peregrine {

/// Error "model.unknown" of a checkpoint that is neither an Ultralytics model nor the weights of an OSNet.
/// Says whose it is, where its names tell.
Error foreign_checkpoint(const pickle::Document& document);

}  // namespace peregrine
