// An ONNX file in memory, and its graph at any input size that it takes.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "formats/model.h"
#include "formats/onnx/proto.h"
#include "graph/graph.h"

namespace peregrine::onnx {

class Network {
 public:
  /// Throws Error "model.damaged", "model.tensor" or "model.unsupported".
  explicit Network(std::span<const std::byte> file);

  /// Extents of the image input: N, C, H, W; 0 where the file leaves them open.
  const Shape& input() const { return input_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Names of the outputs, as the file has them, in its order.
  const std::vector<std::string>& outputs() const { return outputs_; }
  /// The graph, passes run, its outputs renamed to `names` (one for each of outputs()). `normalised`: the
  /// input is so by ImageNet's mean and deviation (ReID). Throws Error "model.shape" when the file does not
  /// take that input, "model.unsupported" when it wants other numbers in it.
  graph::Graph graph(const InputShape& shape, const std::vector<std::string>& names,
                     bool normalised = false) const;

 private:
  std::shared_ptr<const HostTensor> constant(const std::string& name) const;

  std::vector<pb::NodeProto> nodes_;
  std::unordered_map<std::string, std::shared_ptr<const HostTensor>> initializers_;
  std::int64_t opset_ = 0;
  std::string input_name_;
  Shape input_;
  std::vector<std::string> outputs_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace peregrine::onnx
