// The operators of the graph: one struct each, collected in one variant. Shapes are logical NCHW.
// Everything that must know all operators (shape inference, each engine's lowering table, the ONNX
// writer) visits the variant, so that a new operator does not compile until all of them treat it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "peregrine/tensor.h"

namespace peregrine::graph {

using Pair = std::array<std::int64_t, 2>;  ///< height, width

/// Inputs x [N,C,H,W], weight [K,C/groups,kh,kw], optional bias [K].
struct Conv {
  Pair stride{1, 1};
  Pair dilation{1, 1};
  std::array<std::int64_t, 4> pad{};  ///< top, left, bottom, right
  std::int64_t groups = 1;
};
/// Inputs x [N,C,H,W], weight [C,K/groups,kh,kw], optional bias [K].
struct ConvTranspose {
  Pair stride{1, 1};
  std::array<std::int64_t, 4> pad{};
  Pair output_pad{};
  std::int64_t groups = 1;
};
/// x [N,C] times weight [K,C] transposed, plus optional bias [K].
struct Linear {};
/// Inputs x, scale [C], shift [C], mean [C], variance [C]. Folded into the convolution before by a pass.
struct BatchNorm {
  float epsilon = 1e-5f;
};
/// Inputs x, scale [C], shift [C].
struct InstanceNorm {
  float epsilon = 1e-5f;
};
struct Unary {
  enum class Kind : std::uint8_t { relu, silu, sigmoid, tanh, exp, sqrt, neg };
  Kind kind = Kind::relu;
};
/// Two inputs with numpy's broadcasting.
struct Binary {
  enum class Kind : std::uint8_t { add, sub, mul, div };
  Kind kind = Kind::add;
};
struct Concat {
  std::int64_t axis = 1;
};
/// One output a size.
struct Split {
  std::int64_t axis = 1;
  std::vector<std::int64_t> sizes;
};
/// Elements start, start+step, ... below end, along one axis.
struct Slice {
  std::int64_t axis = 0, start = 0, end = 0, step = 1;
};
/// To `shape`. An optional second input tells dynamic-shape engines that the last two extents are
/// those of that value's last two dimensions; engines with fixed shapes ignore it.
struct Reshape {
  Shape shape;
};
struct Transpose {
  std::vector<std::int64_t> permutation;
};
/// Batched GEMM over the last two dimensions.
struct MatMul {};
struct Softmax {
  std::int64_t axis = -1;
};
struct Pool {
  enum class Kind : std::uint8_t { max, average };
  Kind kind = Kind::max;
  Pair kernel{1, 1}, stride{1, 1};
  std::array<std::int64_t, 4> pad{};
  bool count_padding = false;  ///< average: divide by the whole window at the border too
};
/// Mean over all of H and W; result [N,C,1,1].
struct GlobalAveragePool {};
/// Enlarges H and W by whole factors.
struct Upsample {
  enum class Kind : std::uint8_t { nearest, bilinear };
  Kind kind = Kind::nearest;
  Pair factor{2, 2};
};
struct Cast {
  DType to = DType::f32;
};

using Operation =
    std::variant<Conv, ConvTranspose, Linear, BatchNorm, InstanceNorm, Unary, Binary, Concat, Split, Slice,
                 Reshape, Transpose, MatMul, Softmax, Pool, GlobalAveragePool, Upsample, Cast>;

/// "Conv", "Silu", "Add", "MaxPool", ...: for messages, dumps and reports.
std::string_view name_of(const Operation& operation);

/// "stride=2x2 pad=1,1,1,1": the operator's attributes, all of them, always in the same order; empty where
/// it has none. The kind of Unary, Binary and Pool is part of the name instead.
std::string attributes_of(const Operation& operation);

/// Visitor from lambdas.
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang 14 does not deduce it

}  // namespace peregrine::graph
