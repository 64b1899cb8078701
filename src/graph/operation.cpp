#include "graph/operation.h"

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

std::string_view name_of(const Operation& operation) noexcept {
  using View = std::string_view;
  return std::visit(
      Overloaded{[](const Conv&) -> View { return "Conv"; }, [](const ConvTranspose&) -> View { return "ConvTranspose"; },
                 [](const Linear&) -> View { return "Linear"; }, [](const BatchNorm&) -> View { return "BatchNorm"; },
                 [](const InstanceNorm&) -> View { return "InstanceNorm"; },
                 [](const Unary& op) -> View { return name_of_kind(op.kind); },
                 [](const Binary& op) -> View { return name_of_kind(op.kind); }, [](const Concat&) -> View { return "Concat"; },
                 [](const Split&) -> View { return "Split"; }, [](const Slice&) -> View { return "Slice"; },
                 [](const Reshape&) -> View { return "Reshape"; }, [](const Transpose&) -> View { return "Transpose"; },
                 [](const MatMul&) -> View { return "MatMul"; }, [](const Softmax&) -> View { return "Softmax"; },
                 [](const Pool& op) -> View { return op.kind == Pool::Kind::max ? "MaxPool" : "AveragePool"; },
                 [](const GlobalAveragePool&) -> View { return "GlobalAveragePool"; },
                 [](const Upsample&) -> View { return "Upsample"; }, [](const Cast&) -> View { return "Cast"; }},
      operation);
}

}  // namespace peregrine::graph
