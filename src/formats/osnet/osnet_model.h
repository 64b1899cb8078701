// OSNet (Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification", ICCV 2019) from its state
// dict, with the variants IBN and AIN that normalise by instance in some places.
#pragma once

#include "formats/model.h"
#include "formats/osnet/state_dict.h"
#include "formats/torch/checkpoint.h"

namespace peregrine::osnet {

/// True when the tensors are named as those of an OSNet.
bool is_osnet(const StateDict& state);

/// `info` arrives with name and sha256. Throws Error of family "model" whose sentence names no file.
Model read_model(torch::Checkpoint checkpoint, ModelInfo info);

}  // namespace peregrine::osnet
