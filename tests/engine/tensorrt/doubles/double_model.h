// What the double makes of an ONNX file: the types of its layers, as a strongly typed network has them, and
// its results, by the project's own reader and reference executor.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace tensorrt_double {

struct ModelTensor {
  std::string name;
  bool is_half = false;
  peregrine::Shape shape;  ///< -1 where it is open; of inputs alone
};

struct ModelLayer {
  std::string name, kind;            ///< kind: as an inspector calls it
  std::vector<ModelTensor> outputs;  ///< floating-point ones
  std::vector<std::string> inputs;   ///< likewise
};

struct Refusal {
  std::string node, operation, why;
};

class OnnxModel {
 public:
  /// Throws Refusal.
  explicit OnnxModel(std::string file);

  const std::string& file() const { return file_; }
  const std::vector<ModelTensor>& inputs() const { return inputs_; }
  const std::vector<ModelTensor>& outputs() const { return outputs_; }
  const std::vector<ModelLayer>& layers() const { return layers_; }
  /// With those that TensorRT 8's parser puts in beside the nodes: constants, and a step behind each softmax.
  std::vector<ModelLayer> parsed_layers() const;
  /// The first node of this operator; empty where there is none.
  std::string node_of(const std::string& operation) const;
  /// With `batch` where the file leaves it open.
  peregrine::graph::Graph graph(std::int64_t batch) const;

 private:
  std::string file_;
  std::vector<ModelTensor> inputs_, outputs_;
  std::vector<ModelLayer> layers_;
};

}  // namespace tensorrt_double
