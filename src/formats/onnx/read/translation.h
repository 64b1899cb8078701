// ONNX nodes to nodes of the graph, one after the other. What is known without the image (weights, and the
// shape arithmetic that exporters leave in their files) is computed on the way and never becomes a node.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/advice.h"
#include "formats/onnx/read/node_view.h"
#include "graph/graph.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

/// A tensor of the file while it is translated: known (f32 or i64), or a value of the graph (f32).
struct OnnxValue {
  std::string name = {};
  std::shared_ptr<const HostTensor> known = nullptr;
  graph::ValueId value = graph::ValueId::none;
};
using OnnxValues = std::vector<OnnxValue>;

/// All of one file's tensors, and the graph that grows.
class Translator {
 public:
  Translator(graph::Graph& graph, std::int64_t opset) : graph_(graph), opset_(opset) {}

  void define(OnnxValue operand);
  /// Throws Error naming the node and its operator: "model.unsupported", "model.shape", "model.damaged".
  void translate(const pb::NodeProto& node);
  /// Throws Error "model.damaged" when nothing made it.
  const OnnxValue& find(const std::string& name) const;

 private:
  friend class Translation;
  graph::ValueId value_of(const OnnxValue& operand);
  std::string unique_name(const pb::NodeProto& node);
  /// Counts memory that evaluation takes: a hostile file must not take all.
  void spend(std::size_t bytes);

  graph::Graph& graph_;
  std::int64_t opset_;
  std::size_t spent_ = 0;
  std::unordered_map<std::string, OnnxValue> operands_;
  std::map<const HostTensor*, graph::ValueId> constants_;
  std::unordered_map<std::string, int> names_;  ///< how often each was asked for
};

/// One node being translated: what the handlers in operators.h see.
class Translation {
 public:
  Translation(Translator& translator, const pb::NodeProto& proto) : node(proto), translator_(translator) {}

  const NodeView node;

  std::int64_t opset() const { return translator_.opset_; }
  std::size_t output_count() const { return static_cast<std::size_t>(node.proto().output_size()); }
  /// Of the first output; empty where there is none.
  std::string output_name() const;
  bool has_input(std::size_t index) const;
  /// Throws Error "model.damaged" when the node has no such input.
  const OnnxValue& input(std::size_t index) const;
  /// Inputs 0 .. count-1, and those after them that are given, up to `most`.
  OnnxValues inputs(std::size_t count, std::size_t most) const;
  const Shape& shape(const OnnxValue& operand) const;
  const Shape& shape(std::size_t index) const { return shape(input(index)); }
  /// Elements of an integer input. Throws Error "model.unsupported" when the image decides them.
  std::vector<std::int64_t> integers(std::size_t index) const;
  /// The same for any input that must be known; `what` is said in the error.
  const HostTensor& known(std::size_t index, std::string_view what) const;

  /// Evaluates the operator where all operands are known, else appends it to the graph.
  OnnxValues emit(const graph::Operation& operation, const OnnxValues& operands);
  /// The same for operators with one output.
  OnnxValue emit_one(const graph::Operation& operation, const OnnxValues& operands) {
    return emit(operation, operands).at(0);
  }
  OnnxValue make_known(HostTensor tensor);
  /// To be called before a known tensor of so many elements is made.
  void require_room(std::int64_t elements);

 private:
  Translator& translator_;
};

[[noreturn]] inline void refuse(std::string reason, std::string hint = advice::supported_layers) {
  throw Error("model.unsupported", std::move(reason), std::move(hint));
}

}  // namespace peregrine::onnx
