// The lowering table: what each operator of the graph becomes, or why the cuda engine cannot run it.
#pragma once

#include <vector>

#include "engine/cuda/lowering/lowered_op.h"

namespace peregrine::cuda::lowering {

struct Tabled {
  std::vector<LoweredOp> ops;        ///< one a node, in the graph's order; complete when nothing was refused
  std::vector<std::string> refused;  ///< a sentence a node, naming it
};

Tabled look_up(const graph::Graph& graph);

}  // namespace peregrine::cuda::lowering
