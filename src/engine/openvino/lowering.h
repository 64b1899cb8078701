// Lowers the graph to OpenVINO's operators one by one; OpenVINO's own passes fuse them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openvino/core/model.hpp>

#include "graph/graph.h"

namespace peregrine::openvino {

struct Lowering {
  std::shared_ptr<ov::Model>
      model;  ///< inputs and outputs in the graph's order; null when anything was refused
  std::vector<std::string> refused;  ///< one sentence a node that cannot be expressed
};

/// Lowers every node. With `dynamic`, batch, height and width of the inputs stay open. The model shares the
/// constants with the graph's tensors.
Lowering lower(const graph::Graph& graph, bool dynamic);

}  // namespace peregrine::openvino
