// Reads OpenVINO's time layer by layer from its own counters.
#pragma once

#include <vector>

#include "engine/engine.h"

namespace peregrine {

/// Builds the graph with counters and runs it warm `runs` times; in the order of execution, layers that did
/// not run left out. Names are OpenVINO's: what it fused goes under one of its parts' names. Times are means.
/// Throws Error "engine.unsupported" or "engine.openvino".
std::vector<LayerTime> openvino_layer_times(const graph::Graph& graph, Precision precision, int runs);

}  // namespace peregrine
