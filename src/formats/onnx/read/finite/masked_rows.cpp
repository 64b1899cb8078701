#include "formats/onnx/read/finite/masked_rows.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "graph/evaluate.h"

namespace peregrine::onnx {

namespace {

using graph::ValueId;
using Index = std::int64_t;

constexpr Index most_elements = Index{1} << 22;  ///< that are followed one by one

HostTensor negated(const HostTensor& tensor) {
  const HostTensor* input = &tensor;
  return std::move(graph::evaluate(graph::Unary{graph::Unary::Kind::neg}, std::span(&input, 1))[0]);
}

bool has_infinity(const HostTensor& tensor) {
  const float* first = tensor.as<float>();
  return std::any_of(first, first + tensor.shape().elements(), [](float x) { return std::isinf(x); });
}

}  // namespace

int sign_of(const graph::Value& value) {
  if (!value.constant || value.constant->dtype() != DType::f32) return 0;
  const float* first = value.constant->as<float>();
  const float* last = first + value.constant->shape().elements();
  if (std::all_of(first, last, [](float x) { return x > 0 && std::isfinite(x); })) return 1;
  return std::all_of(first, last, [](float x) { return x < 0 && std::isfinite(x); }) ? -1 : 0;
}

MaskedRows::MaskedRows(const graph::Graph& graph) : graph_(graph) {
  for (std::size_t i = 0; i < graph.value_count(); ++i) {
    const auto id = static_cast<ValueId>(i);
    if (const auto& constant = graph.value(id).constant;
        constant && constant->dtype() == DType::f32 && has_infinity(*constant))
      add(id, constant->clone(), id);
  }
}

const MaskedRows::Infinities* MaskedRows::find(ValueId id) const {
  const auto found = infinities_.find(id);
  return found == infinities_.end() ? nullptr : &found->second;
}

HostTensor MaskedRows::expanded(ValueId id) const {
  const Shape& shape = graph_.value(id).shape;
  if (shape.elements() > most_elements) return {};
  const Infinities* known = find(id);
  return known ? graph::broadcast(known->where, shape) : HostTensor::zeros(DType::f32, shape);
}

void MaskedRows::add(ValueId id, HostTensor where, ValueId origin) {
  float* const first = where.as<float>();
  float* const last = first + where.shape().elements();
  if (std::none_of(first, last, [](float x) { return std::isinf(x); })) return;
  std::replace_if(
      first, last, [](float x) { return !std::isinf(x); }, 0.0f);
  infinities_.insert_or_assign(id, Infinities{std::move(where), origin});
}

void MaskedRows::follow(const graph::Node& node) {
  const auto known = std::ranges::find_if(node.inputs, [&](ValueId id) { return find(id) != nullptr; });
  if (known == node.inputs.end()) return;
  const ValueId origin = find(*known)->origin;
  const auto* unary = std::get_if<graph::Unary>(&node.operation);
  if (unary && unary->kind == graph::Unary::Kind::neg)
    add(node.outputs[0], negated(find(node.inputs[0])->where), origin);
  else if (const auto* binary = std::get_if<graph::Binary>(&node.operation))
    follow(node, *binary, origin);
  else if (!unary && graph::can_evaluate(node.operation, DType::f32))
    follow_moved(node, origin);
}

void MaskedRows::follow(const graph::Node& node, const graph::Binary& op, ValueId origin) {
  using Kind = graph::Binary::Kind;
  const Infinities *a = find(node.inputs[0]), *b = find(node.inputs[1]);
  if (op.kind == Kind::add || op.kind == Kind::sub) {
    const HostTensor finite = HostTensor::zeros(DType::f32, {1});
    const HostTensor* const terms[] = {a ? &a->where : &finite, b ? &b->where : &finite};
    return add(node.outputs[0], std::move(graph::evaluate(op, terms)[0]), origin);
  }
  if ((a && b) || (op.kind != Kind::mul && b)) return;
  const int sign = sign_of(graph_.value(node.inputs[a ? 1 : 0]));
  const HostTensor& where = (a ? a : b)->where;
  if (sign != 0) add(node.outputs[0], sign > 0 ? where.clone() : negated(where), origin);
}

void MaskedRows::follow_moved(const graph::Node& node, ValueId origin) {
  std::vector<HostTensor> inputs;
  std::vector<const HostTensor*> views;
  for (const ValueId id : node.inputs) inputs.push_back(expanded(id));
  for (const HostTensor& input : inputs) {
    if (input.shape().rank() == 0) return;
    views.push_back(&input);
  }
  std::vector<HostTensor> outputs = graph::evaluate(node.operation, views);
  for (std::size_t i = 0; i < outputs.size(); ++i) add(node.outputs[i], std::move(outputs[i]), origin);
}

ValueId MaskedRows::origin(const graph::Node& softmax) const {
  const Infinities* known = find(softmax.inputs[0]);
  if (!known) return ValueId::none;
  const Shape &whole = graph_.value(softmax.inputs[0]).shape, &own = known->where.shape();
  const std::size_t missing = whole.rank() - own.rank();
  const Index stated = std::get<graph::Softmax>(softmax.operation).axis;
  const auto axis = static_cast<std::size_t>(stated + (stated < 0 ? static_cast<Index>(whole.rank()) : 0));
  const Index extent = axis < missing ? 1 : own[axis - missing];
  Index inner = 1;
  for (std::size_t d = axis + 1; d < whole.rank(); ++d) inner *= d < missing ? 1 : own[d - missing];
  const float* const values = known->where.as<float>();
  for (Index row = 0; row < own.elements() / extent; ++row) {
    const float* const first = values + row / inner * extent * inner + row % inner;
    Index masked = 0;
    while (masked < extent && first[masked * inner] == -INFINITY) ++masked;
    if (masked == extent) return known->origin;
  }
  return ValueId::none;
}

}  // namespace peregrine::onnx
