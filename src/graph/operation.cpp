#include "graph/operation.h"

#include <fmt/format.h>

namespace peregrine::graph {

namespace {

std::string_view name_of_kind(Unary::Kind kind) {
  switch (kind) {
    case Unary::Kind::relu: return "Relu";
    case Unary::Kind::silu: return "Silu";
    case Unary::Kind::sigmoid: return "Sigmoid";
    case Unary::Kind::tanh: return "Tanh";
    case Unary::Kind::exp: return "Exp";
    case Unary::Kind::sqrt: return "Sqrt";
    case Unary::Kind::neg: return "Neg";
  }
  return "Unary";
}

std::string_view name_of_kind(Binary::Kind kind) {
  switch (kind) {
    case Binary::Kind::add: return "Add";
    case Binary::Kind::sub: return "Sub";
    case Binary::Kind::mul: return "Mul";
    case Binary::Kind::div: return "Div";
  }
  return "Binary";
}

}  // namespace

std::string_view name_of(const Operation& operation) {
  using View = std::string_view;
  return std::visit(
      Overloaded{
          [](const Conv&) -> View { return "Conv"; },
          [](const ConvTranspose&) -> View { return "ConvTranspose"; },
          [](const Linear&) -> View { return "Linear"; },
          [](const BatchNorm&) -> View { return "BatchNorm"; },
          [](const InstanceNorm&) -> View { return "InstanceNorm"; },
          [](const Unary& op) -> View { return name_of_kind(op.kind); },
          [](const Binary& op) -> View { return name_of_kind(op.kind); },
          [](const Concat&) -> View { return "Concat"; }, [](const Split&) -> View { return "Split"; },
          [](const Slice&) -> View { return "Slice"; }, [](const Reshape&) -> View { return "Reshape"; },
          [](const Transpose&) -> View { return "Transpose"; },
          [](const MatMul&) -> View { return "MatMul"; }, [](const Softmax&) -> View { return "Softmax"; },
          [](const Pool& op) -> View { return op.kind == Pool::Kind::max ? "MaxPool" : "AveragePool"; },
          [](const GlobalAveragePool&) -> View { return "GlobalAveragePool"; },
          [](const Upsample&) -> View { return "Upsample"; }, [](const Cast&) -> View { return "Cast"; }},
      operation);
}

std::string attributes_of(const Operation& operation) {
  const auto pair = [](const Pair& p) { return fmt::format("{}x{}", p[0], p[1]); };
  const auto list = [](const auto& values) { return fmt::format("{}", fmt::join(values, ",")); };
  return std::visit(
      Overloaded{[&](const Conv& op) {
                   return fmt::format("stride={} dilation={} pad={} groups={}", pair(op.stride),
                                      pair(op.dilation), list(op.pad), op.groups);
                 },
                 [&](const ConvTranspose& op) {
                   return fmt::format("stride={} pad={} output_pad={} groups={}", pair(op.stride),
                                      list(op.pad), pair(op.output_pad), op.groups);
                 },
                 [](const BatchNorm& op) { return fmt::format("epsilon={}", op.epsilon); },
                 [](const InstanceNorm& op) { return fmt::format("epsilon={}", op.epsilon); },
                 [](const Concat& op) { return fmt::format("axis={}", op.axis); },
                 [&](const Split& op) { return fmt::format("axis={} sizes={}", op.axis, list(op.sizes)); },
                 [](const Slice& op) {
                   return fmt::format("axis={} start={} end={} step={}", op.axis, op.start, op.end, op.step);
                 },
                 [](const Reshape& op) { return fmt::format("shape={}", to_string(op.shape)); },
                 [&](const Transpose& op) { return fmt::format("permutation={}", list(op.permutation)); },
                 [](const Softmax& op) { return fmt::format("axis={}", op.axis); },
                 [&](const Pool& op) {
                   return fmt::format("kernel={} stride={} pad={} count_padding={}", pair(op.kernel),
                                      pair(op.stride), list(op.pad), op.count_padding);
                 },
                 [&](const Upsample& op) {
                   return fmt::format("kind={} factor={}",
                                      op.kind == Upsample::Kind::nearest ? "nearest" : "bilinear",
                                      pair(op.factor));
                 },
                 [](const Cast& op) { return fmt::format("to={}", to_string(op.to)); },
                 // These have none; named so that a new operator does not slip through here.
                 [](const Linear&) { return std::string(); }, [](const Unary&) { return std::string(); },
                 [](const Binary&) { return std::string(); }, [](const MatMul&) { return std::string(); },
                 [](const GlobalAveragePool&) { return std::string(); }},
      operation);
}

}  // namespace peregrine::graph
