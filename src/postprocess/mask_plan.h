// Where a picture's content lies among the prototypes.
#pragma once

#include "base/geometry.h"
#include "postprocess/mask_math.h"

namespace peregrine::postprocess {

MaskPlan prediction_mask_plan(const Geometry& geometry, int proto_width, int proto_height);
MaskPlan validation_mask_plan(const Geometry& geometry, int proto_width, int proto_height);

}  // namespace peregrine::postprocess
