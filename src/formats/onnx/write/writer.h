// A graph as an ONNX file. One node of the graph becomes one of the file (Silu: two), so that reading the
// file back gives the same graph.
#pragma once

#include <map>
#include <string>

#include "graph/graph.h"

namespace peregrine::onnx {

/// A graph's batch where the file's is open: a prime, so that an extent which it divides counts images.
inline constexpr int open_batch_stand_in = 9973;

struct WriteOptions {
  DType precision =
      DType::f16;  ///< f32 or f16: of every value from input to output, weights included, but for:
  /// Nodes of the graph that compute in FP32 in an FP16 file, with their reasons, which become the nodes' doc
  /// strings. What they read is cast by nodes NODE.to_f32, their constants are NODE.f32, and what others read
  /// of them is cast by NODE.to_f16; a name that is taken gets a number, as in NODE.f32#2. Inputs and outputs
  /// of the file stay FP16.
  std::map<std::string, std::string> single = {};
  /// The graph's batch becomes any batch. It divides no other extent: open_batch_stand_in does not.
  bool open_batch = false;
  std::map<std::string, std::string> metadata = {};
};

/// The bytes of the file: opset 17, IR version 8. Throws Error "model.precision" for a weight beyond FP16,
/// "model.unsupported" for a node that mixes the images of an open batch.
std::string serialize(const graph::Graph& graph, const WriteOptions& options);

}  // namespace peregrine::onnx
