// From a graph to an execution plan. One table (lowering/table.cpp) says for each operator how it is lowered
// or why it cannot be; unsupported() reads the same table.
#pragma once

#include <string>
#include <vector>

#include "engine/cuda/plan/plan.h"
#include "graph/graph.h"

namespace peregrine::cuda {

struct LoweringOptions {
  Precision precision = Precision::fp16;  ///< fp16 or fp32
  int input_channels =
      4;  ///< channels that a pixel of the image is stored with (3, 4 or 8), the extra ones zero
  bool fuse_siblings =
      true;  ///< convolutions of one input with equal windows become one that writes side by side
  bool in_place_residual = true;  ///< a residual's last reader may write over it
  int max_streams = 6;            ///< independent branches side by side; 1: one chain
};

/// Lowers, packs the weights, assigns streams and arena offsets. The graph has been through
/// graph::run_passes. Throws Error "engine.unsupported" naming the first node that has no lowering,
/// "engine.weights" when a weight overflows FP16.
ExecutionPlan lower(const graph::Graph& graph, const LoweringOptions& options);

/// One sentence for each node that lower() would refuse, naming it.
std::vector<std::string> unsupported(const graph::Graph& graph);

}  // namespace peregrine::cuda
