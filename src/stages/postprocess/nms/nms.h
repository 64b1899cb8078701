// Class-wise non-maximum suppression.
#pragma once

#include <span>
#include <vector>

#include "stages/postprocess/postprocess.h"

namespace peregrine::postprocess {

/// Of `candidates`, best first, those that no better kept one of their class suppresses; at most `limit`, in
/// order.
std::vector<Candidate> suppress(std::span<const Candidate> candidates, float iou, int limit);

}  // namespace peregrine::postprocess
