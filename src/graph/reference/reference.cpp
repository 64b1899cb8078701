#include "graph/reference.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "graph/evaluate.h"
#include "graph/reference/kernels.h"
#include "peregrine/error.h"

namespace peregrine::graph {

namespace {

/// The values that are alive: computed or loaded, and still needed.
class Values {
 public:
  Values(const Graph& graph, std::span<const ValueId> wanted)
      : graph_(graph), tensors_(graph.value_count()), uses_(graph.value_count()) {
    for (const Node& node : graph.nodes())
      for (ValueId id : node.inputs) ++uses_[index(id)];
    for (ValueId id : wanted) ++uses_[index(id)];
  }

  const HostTensor& get(ValueId id) {
    std::optional<HostTensor>& slot = tensors_[index(id)];
    if (!slot && graph_.value(id).constant) slot = graph_.value(id).constant->to_f32();
    return slot.value();
  }
  void set(ValueId id, HostTensor tensor) {
    if (uses_[index(id)] > 0) tensors_[index(id)] = std::move(tensor);
  }
  /// One use is over; after the last the memory goes.
  void release(ValueId id) {
    if (--uses_[index(id)] == 0) tensors_[index(id)].reset();
  }

 private:
  static std::size_t index(ValueId id) { return static_cast<std::size_t>(id); }
  const Graph& graph_;
  std::vector<std::optional<HostTensor>> tensors_;
  std::vector<int> uses_;
};

HostTensor dense_f32(const TensorView& view) {
  HostTensor copy(view.dtype, view.shape);
  std::memcpy(copy.view().data, view.data, view.bytes());
  return view.dtype == DType::f32 ? std::move(copy) : copy.to_f32();
}

void load_inputs(const Graph& graph, std::span<const TensorView> inputs, Values& values) {
  if (inputs.size() != graph.inputs().size())
    throw Error("model.input",
                fmt::format("The graph has {} inputs, {} are given.", graph.inputs().size(), inputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Value& value = graph.value(graph.inputs()[i]);
    if (inputs[i].shape != value.shape || !inputs[i].dense() || inputs[i].device.on_gpu())
      throw Error(
          "model.input",
          fmt::format("Input '{}' needs a dense host tensor of {}, given is one of {} on {}.", value.name,
                      to_string(value.shape), to_string(inputs[i].shape), to_string(inputs[i].device)));
    values.set(graph.inputs()[i], dense_f32(inputs[i]));
  }
}

template <class Op>
concept HasLoop = requires(const Op& op, reference::Inputs in, reference::Outputs out) {
  reference::evaluate(op, in, out);
};

/// Outputs of a node in FP32: by the loops of this folder, else by evaluate().
std::vector<HostTensor> run_node(const Graph& graph, const Node& node, reference::Inputs in) {
  return std::visit(
      [&]<class Op>(const Op& op) {
        std::vector<HostTensor> out;
        if constexpr (HasLoop<Op>) {
          for (ValueId id : node.outputs) out.emplace_back(DType::f32, graph.value(id).shape);
          reference::evaluate(op, in, out);
        } else {
          out = evaluate(node.operation, in);
          for (HostTensor& tensor : out)
            if (tensor.dtype() != DType::f32) tensor = tensor.to_f32();
        }
        return out;
      },
      node.operation);
}

/// Attention over a large image has products of all its positions, which no memory holds.
void require_sane_sizes(const Graph& graph) {
  constexpr std::int64_t most_elements = std::int64_t{1} << 28;  // a GiB
  for (const Node& node : graph.nodes())
    for (const ValueId id : node.outputs)
      if (const Shape& shape = graph.value(id).shape; shape.elements() > most_elements)
        throw Error(
            "model.size",
            fmt::format(
                "node '{}' ({}) gives {}: more than 2^28 numbers, which the FP32 reference does not hold",
                node.name, name_of(node.operation), to_string(shape)),
            "Take a smaller --imgsz; a file of a fixed size has to be exported for it.");
}

}  // namespace

std::vector<HostTensor> run_reference(const Graph& graph, std::span<const TensorView> inputs,
                                      std::span<const ValueId> wanted) {
  require_sane_sizes(graph);
  Values values(graph, wanted);
  load_inputs(graph, inputs, values);
  for (const Node& node : graph.nodes()) {
    std::vector<const HostTensor*> in;
    for (ValueId id : node.inputs) in.push_back(&values.get(id));
    std::vector<HostTensor> out = run_node(graph, node, in);
    for (std::size_t i = 0; i < out.size(); ++i) values.set(node.outputs[i], std::move(out[i]));
    for (ValueId id : node.inputs) values.release(id);
  }
  std::vector<HostTensor> results;
  for (ValueId id : wanted) results.push_back(values.get(id).clone());
  return results;
}

std::vector<HostTensor> run_reference(const Graph& graph, std::span<const TensorView> inputs) {
  return run_reference(graph, inputs, graph.outputs());
}

}  // namespace peregrine::graph
