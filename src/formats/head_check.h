// Checks a raw head against the ModelInfo, whatever file both come from.
#pragma once

#include "graph/graph.h"
#include "peregrine/model_info.h"

namespace peregrine {

/// Throws Error "model.head" where an output of the raw head (graph/head.h) lacks, or has other channels or
/// another size than the task, classes, keypoints, masks and strides of `info` ask for.
void check_head(const graph::Graph& graph, const ModelInfo& info);

}  // namespace peregrine
