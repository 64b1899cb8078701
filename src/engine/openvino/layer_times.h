// Where OpenVINO's time goes, layer by layer, as its own counters tell.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "peregrine/precision.h"

namespace peregrine {

struct LayerTime {
  std::string name;  ///< as OpenVINO calls it; what it fused goes under one of its parts' names
  std::string kind;  ///< "Convolution, brgconv_avx512_amx": what it is and by what it ran
  double milliseconds = 0;
};

/// Builds the graph with counters and runs it warm `runs` times; in the order of execution, layers that did not run left out.
/// Throws Error "engine.unsupported" or "engine.openvino".
std::vector<LayerTime> openvino_layer_times(const graph::Graph& graph, Precision precision, int runs);

}  // namespace peregrine
