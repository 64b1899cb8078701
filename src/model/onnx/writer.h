// A graph as an ONNX file. One node of the graph becomes one of the file (Silu: two), so that reading the file back
// gives the same graph.
#pragma once

#include <map>
#include <string>

#include "graph/graph.h"

namespace peregrine::onnx {

struct WriteOptions {
  DType precision = DType::f16;  ///< f32 or f16: of every value from input to output, weights included
  bool open_batch = false;       ///< the batch of the graph, which no other extent should equal, becomes any batch
  std::map<std::string, std::string> metadata = {};
};

/// The bytes of the file: opset 17, IR version 8. Throws Error "model.precision" for a weight beyond FP16,
/// "model.unsupported" for a node that mixes the pictures of an open batch.
std::string serialize(const graph::Graph& graph, const WriteOptions& options);

}  // namespace peregrine::onnx
