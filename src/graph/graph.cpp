#include "graph/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "graph/shapes.h"
#include "peregrine/error.h"

namespace peregrine::graph {

namespace {

/// Operators compute in the type of their first input, and all inputs share it.
DType result_dtype(const Operation& operation, DType first) {
  const auto* cast = std::get_if<Cast>(&operation);
  return cast ? cast->to : first;
}

/// Axes counted from the end become axes counted from the front: one spelling of each graph.
void resolve_axis(Operation& operation, std::size_t rank) {
  std::visit(
      [&](auto& op) {
        if constexpr (requires { op.axis; })
          if (op.axis < 0) op.axis += static_cast<std::int64_t>(rank);
      },
      operation);
}

}  // namespace

ValueId Graph::add_value(Value value, std::int32_t producer) {
  values_.push_back(std::move(value));
  producers_.push_back(producer);
  return static_cast<ValueId>(values_.size() - 1);
}

ValueId Graph::add_input(std::string name, DType dtype, const Shape& shape) {
  inputs_.push_back(add_value({std::move(name), dtype, shape, nullptr}, no_producer));
  return inputs_.back();
}

ValueId Graph::add_constant(std::string name, HostTensor tensor) {
  return add_constant(std::move(name), std::make_shared<const HostTensor>(std::move(tensor)));
}

ValueId Graph::add_constant(std::string name, std::shared_ptr<const HostTensor> tensor) {
  const DType dtype = tensor->dtype();
  const Shape shape = tensor->shape();
  return add_value({std::move(name), dtype, shape, std::move(tensor)}, no_producer);
}

std::vector<ValueId> Graph::add_node(std::string name, Operation operation, std::vector<ValueId> inputs) {
  const auto refuse = [&](std::string_view reason) -> Error {
    return {"model.shape", fmt::format("Node '{}' ({}): {}.", name, name_of(operation), reason)};
  };
  if (!node_names_.insert(name).second) throw refuse("another node has the same name");
  std::vector<Shape> shapes;
  shapes.reserve(inputs.size());
  for (ValueId input : inputs) shapes.push_back(value(input).shape);
  std::vector<Shape> results;
  try {
    results = infer_shapes(operation, shapes);
  } catch (const Error& error) {
    throw refuse(error.sentence());
  }
  resolve_axis(operation, shapes.front().rank());
  const DType dtype = value(inputs.front()).dtype;
  for (ValueId input : inputs)
    if (value(input).dtype != dtype)
      throw refuse(fmt::format("{} meets {}", to_string(dtype), to_string(value(input).dtype)));

  std::vector<ValueId> outputs;
  for (std::size_t i = 0; i < results.size(); ++i)
    outputs.push_back(add_value({results.size() == 1 ? name : fmt::format("{}:{}", name, i),
                                 result_dtype(operation, dtype), results[i], nullptr},
                                static_cast<std::int32_t>(nodes_.size())));
  nodes_.push_back({std::move(name), std::move(operation), std::move(inputs), outputs});
  return outputs;
}

ValueId Graph::add(std::string name, Operation operation, std::vector<ValueId> inputs) {
  const std::vector<ValueId> outputs = add_node(std::move(name), std::move(operation), std::move(inputs));
  if (outputs.size() != 1)
    throw Error("internal.graph", fmt::format("Node '{}' has {} outputs; add() is for one.",
                                              nodes_.back().name, outputs.size()));
  return outputs.front();
}

void Graph::mark_output(ValueId id, std::string name) {
  value(id);  // checks the range
  if (std::ranges::find(output_names_, name) != output_names_.end())
    throw Error("model.outputs", fmt::format("Two outputs of the graph are called '{}'.", name));
  outputs_.push_back(id);
  output_names_.push_back(std::move(name));
}

const Node* Graph::producer(ValueId id) const {
  const std::int32_t index = producers_.at(static_cast<std::size_t>(id));
  return index == no_producer ? nullptr : &nodes_[static_cast<std::size_t>(index)];
}

ValueId Graph::find(std::string_view name) const {
  if (const auto output = std::ranges::find(output_names_, name); output != output_names_.end())
    return outputs_[static_cast<std::size_t>(output - output_names_.begin())];
  const auto found = std::ranges::find(values_, name, &Value::name);
  return found == values_.end() ? ValueId::none : static_cast<ValueId>(found - values_.begin());
}

}  // namespace peregrine::graph
