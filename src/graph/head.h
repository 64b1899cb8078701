// The output names of core/head_names.h under the names that graph code uses.
#pragma once

#include "core/head_names.h"

namespace peregrine::graph {

using head::box_output;
using head::class_output;
using head::coefficient_output;
using head::decoded_output;
using head::features_output;
using head::input_name;
using head::keypoint_output;
using head::proto_output;

}  // namespace peregrine::graph
