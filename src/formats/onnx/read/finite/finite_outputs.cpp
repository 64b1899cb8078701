#include "formats/onnx/read/finite/finite_outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "core/text.h"
#include "formats/finite.h"
#include "formats/onnx/read/finite/masked_rows.h"
#include "peregrine/error.h"

namespace peregrine::onnx {

namespace {

using graph::ValueId;

/// What the elements of a value may be, and the constant that makes them so.
struct NonFinite {
  bool below = false, above = false, nan = false;  ///< -inf, inf, NaN
  bool masked_row = false;                         ///< NaN of a Softmax that sees no position of a row
  ValueId origin = ValueId::none;

  bool any() const { return below || above || nan; }
  NonFinite as_nan() const { return {.nan = any(), .masked_row = masked_row, .origin = origin}; }
};

NonFinite of_constant(const HostTensor& tensor, ValueId id) {
  NonFinite found{.origin = id};
  if (tensor.dtype() != DType::f32) return found;
  const float* values = tensor.as<float>();
  for (std::int64_t i = 0; i < tensor.shape().elements(); ++i) {
    if (std::isfinite(values[i])) continue;
    (std::isnan(values[i]) ? found.nan : values[i] < 0 ? found.below : found.above) = true;
  }
  return found;
}

/// Everything that any of the inputs may be.
NonFinite joined(const std::vector<NonFinite>& inputs) {
  NonFinite all;
  for (const NonFinite& input : inputs) {
    if (input.any() && !all.any()) all.origin = input.origin, all.masked_row = input.masked_row;
    all.below |= input.below;
    all.above |= input.above;
    all.nan |= input.nan;
  }
  return all;
}

NonFinite negated(NonFinite x) {
  std::swap(x.below, x.above);
  return x;
}

NonFinite after(const graph::Unary& op, NonFinite x) {
  using Kind = graph::Unary::Kind;
  switch (op.kind) {
    case Kind::sigmoid:
    case Kind::tanh: x.below = x.above = false; return x;
    case Kind::relu:
    case Kind::exp: x.below = false; return x;
    case Kind::silu:
    case Kind::sqrt: x.nan |= x.below; return x;  // -inf * 0
    case Kind::neg: return negated(x);
  }
  return x;
}

NonFinite after(const graph::Binary& op, const NonFinite& a, const NonFinite& b) {
  using Kind = graph::Binary::Kind;
  if (op.kind == Kind::div && !b.nan) return a.as_nan();
  if (op.kind == Kind::mul || op.kind == Kind::div) return joined({a, b}).as_nan();
  const NonFinite other = op.kind == Kind::sub ? negated(b) : b;
  NonFinite sum = joined({a, other});
  sum.nan |= (a.below && other.above) || (a.above && other.below);
  return sum;
}

/// Of a product with a constant, or a quotient by one, whose elements are finite and have one sign.
std::optional<NonFinite> scaled(const graph::Graph& graph, const graph::Node& node, const NonFinite& a,
                                const NonFinite& b) {
  const auto* op = std::get_if<graph::Binary>(&node.operation);
  const bool product = op && op->kind == graph::Binary::Kind::mul;
  if (!product && !(op && op->kind == graph::Binary::Kind::div)) return std::nullopt;
  const int by = sign_of(graph.value(node.inputs[1]));
  if (by != 0) return by > 0 ? a : negated(a);
  const int left = product ? sign_of(graph.value(node.inputs[0])) : 0;
  if (left == 0) return std::nullopt;
  return left > 0 ? b : negated(b);
}

NonFinite after(const graph::Operation& operation, const std::vector<NonFinite>& inputs) {
  const NonFinite all = joined(inputs);
  if (const auto* unary = std::get_if<graph::Unary>(&operation)) return after(*unary, all);
  if (const auto* binary = std::get_if<graph::Binary>(&operation))
    return after(*binary, inputs[0], inputs[1]);
  if (std::holds_alternative<graph::Softmax>(operation))
    return {.nan = all.nan || all.above, .masked_row = all.masked_row, .origin = all.origin};
  const bool sums = std::holds_alternative<graph::Conv>(operation) ||
                    std::holds_alternative<graph::ConvTranspose>(operation) ||
                    std::holds_alternative<graph::Linear>(operation) ||
                    std::holds_alternative<graph::MatMul>(operation) ||
                    std::holds_alternative<graph::BatchNorm>(operation) ||
                    std::holds_alternative<graph::InstanceNorm>(operation);
  return sums ? all.as_nan() : all;  // the others move elements, or choose among them
}

[[noreturn]] void refuse_masked_row(const std::string& mask) {
  throw Error(
      "model.weights",
      fmt::format("{} masks every position of a row with -inf, of which the Softmax makes NaN",
                  printable(mask)),
      "Leave a position of each row open, or mask with a large number such as -10000, and export again.");
}

}  // namespace

void require_finite_outputs(const graph::Graph& graph) {
  std::vector<NonFinite> values(graph.value_count());
  const auto at = [&](ValueId id) -> NonFinite& { return values[static_cast<std::size_t>(id)]; };
  for (std::size_t i = 0; i < values.size(); ++i)
    if (const auto& constant = graph.value(static_cast<ValueId>(i)).constant)
      values[i] = of_constant(*constant, static_cast<ValueId>(i));
  MaskedRows rows(graph);
  for (const graph::Node& node : graph.nodes()) {
    std::vector<NonFinite> inputs;
    for (const ValueId input : node.inputs) inputs.push_back(at(input));
    const bool any = std::ranges::any_of(inputs, &NonFinite::any);
    const auto kept = any && inputs.size() == 2 ? scaled(graph, node, inputs[0], inputs[1]) : std::nullopt;
    for (const ValueId output : node.outputs) at(output) = kept ? *kept : after(node.operation, inputs);
    rows.follow(node);
    if (!std::holds_alternative<graph::Softmax>(node.operation)) continue;
    if (const ValueId mask = rows.origin(node); mask != ValueId::none && !at(node.outputs[0]).any())
      at(node.outputs[0]) = {.nan = true, .masked_row = true, .origin = mask};
  }
  for (const ValueId output : graph.outputs())
    if (at(output).any()) {
      const graph::Value& origin = graph.value(at(output).origin);
      if (at(output).masked_row) refuse_masked_row(origin.name);
      require_finite(*origin.constant, origin.name);
    }
}

}  // namespace peregrine::onnx
