#include "formats/onnx/read/translation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "formats/onnx/read/operators.h"
#include "graph/evaluate.h"
#include "graph/shapes.h"

namespace peregrine::onnx {

void Translator::define(OnnxValue operand) {
  std::string name = operand.name;
  operands_.insert_or_assign(std::move(name), std::move(operand));
}

const OnnxValue& Translator::find(const std::string& name) const {
  const auto found = operands_.find(name);
  if (found == operands_.end())
    throw Error("model.damaged", fmt::format("nothing makes the tensor '{}'", name));
  return found->second;
}

void Translator::translate(const pb::NodeProto& node) {
  try {
    Translation translation(*this, node);
    OnnxValues results = handler_of(node)(translation);
    // Outputs that no handler makes (the mask of a Dropout) are missed only by a node that wants them.
    const int made = std::min(node.output_size(), static_cast<int>(results.size()));
    for (int i = 0; i < made; ++i) {
      results[static_cast<std::size_t>(i)].name = node.output(i);
      define(std::move(results[static_cast<std::size_t>(i)]));
    }
  } catch (const Error& error) {
    throw Error(error.code(),
                fmt::format("node '{}' ({}): {}", node.name(), node.op_type(), error.sentence()),
                error.hint());
  }
}

graph::ValueId Translator::value_of(const OnnxValue& operand) {
  if (!operand.known) return operand.value;
  const auto [entry, added] = constants_.try_emplace(operand.known.get(), graph::ValueId::none);
  if (added) entry->second = graph_.add_constant(operand.name, operand.known);
  return entry->second;
}

std::string Translator::unique_name(const pb::NodeProto& node) {
  const std::string& wanted = node.name().empty() ? node.op_type() : node.name();
  for (;;) {
    const int count = ++names_[wanted];
    std::string name = count == 1 ? wanted : fmt::format("{}#{}", wanted, count);
    if (count == 1 || names_.try_emplace(name, 1).second) return name;
  }
}

void Translator::spend(std::size_t bytes) {
  constexpr std::size_t most_bytes = std::size_t{1} << 29;
  spent_ += bytes;
  if (spent_ > most_bytes)
    throw Error("model.size", "computing the constants of the file takes too much memory",
                "Do not trust this file.");
}

std::string Translation::output_name() const {
  return node.proto().output_size() > 0 ? node.proto().output(0) : std::string();
}

bool Translation::has_input(std::size_t index) const {
  return index < static_cast<std::size_t>(node.proto().input_size()) &&
         !node.proto().input(static_cast<int>(index)).empty();
}

const OnnxValue& Translation::input(std::size_t index) const {
  if (!has_input(index)) throw Error("model.damaged", fmt::format("its input {} is missing", index));
  return translator_.find(node.proto().input(static_cast<int>(index)));
}

OnnxValues Translation::inputs(std::size_t count, std::size_t most) const {
  OnnxValues operands;
  for (std::size_t i = 0; i < count || (i < most && has_input(i)); ++i) operands.push_back(input(i));
  return operands;
}

const Shape& Translation::shape(const OnnxValue& operand) const {
  return operand.known ? operand.known->shape() : translator_.graph_.value(operand.value).shape;
}

const HostTensor& Translation::known(std::size_t index, std::string_view what) const {
  const OnnxValue& operand = input(index);
  if (!operand.known) refuse(fmt::format("{} must not depend on the image", what));
  return *operand.known;
}

std::vector<std::int64_t> Translation::integers(std::size_t index) const {
  const HostTensor& tensor = known(index, fmt::format("input {}", index));
  if (tensor.dtype() != DType::i64)
    throw Error("model.damaged", fmt::format("input {} must be integers", index));
  return {tensor.as<std::int64_t>(), tensor.as<std::int64_t>() + tensor.shape().elements()};
}

void Translation::require_room(std::int64_t elements) {
  constexpr std::int64_t most_elements = std::int64_t{1} << 26;
  if (elements < 0 || elements > most_elements)
    throw Error("model.size", "a constant would have more than 2^26 elements", "Do not trust this file.");
  translator_.spend(static_cast<std::size_t>(elements) * sizeof(std::int64_t));
}

OnnxValue Translation::make_known(HostTensor tensor) {
  return {.name = output_name(), .known = std::make_shared<const HostTensor>(std::move(tensor))};
}

OnnxValues Translation::emit(const graph::Operation& operation, const OnnxValues& operands) {
  const bool all_known =
      std::ranges::all_of(operands, [](const OnnxValue& operand) { return operand.known != nullptr; });
  OnnxValues results;
  std::vector<Shape> shapes;
  for (const OnnxValue& operand : operands) shapes.push_back(shape(operand));
  const std::vector<Shape> result_shapes = graph::infer_shapes(operation, shapes);

  if (all_known && graph::can_evaluate(operation, operands[0].known->dtype())) {
    for (const Shape& result : result_shapes) require_room(result.elements());
    std::vector<const HostTensor*> inputs;
    for (const OnnxValue& operand : operands) inputs.push_back(operand.known.get());
    for (HostTensor& tensor : graph::evaluate(operation, inputs))
      results.push_back(make_known(std::move(tensor)));
    return results;
  }
  std::vector<graph::ValueId> values;
  for (const OnnxValue& operand : operands) {
    if (operand.known && operand.known->dtype() != DType::f32)
      refuse("integers meet the numbers of the image");
    values.push_back(translator_.value_of(operand));
  }
  for (graph::ValueId value :
       translator_.graph_.add_node(translator_.unique_name(node.proto()), operation, std::move(values)))
    results.push_back({.value = value});
  return results;
}

}  // namespace peregrine::onnx
