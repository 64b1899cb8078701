#include "graph/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <type_traits>

#include "core/half.h"
#include "graph/shapes.h"
#include "peregrine/error.h"

namespace peregrine::graph {

namespace {

using Inputs = std::span<const HostTensor* const>;
using Index = std::int64_t;

/// One side of a copy: the element at index i lies at `offset` + sum of i[d] * strides[d] elements.
struct Walk {
  std::byte* data;
  Index offset;
  Strides strides;
};

std::byte* bytes_of(const HostTensor& tensor) { return static_cast<std::byte*>(tensor.view().data); }

/// All data movement is this: copies `shape` elements from one strided walk to another.
void copy(const Shape& shape, std::size_t element, const Walk& to, const Walk& from) {
  Shape index = shape;
  for (std::size_t d = 0; d < shape.rank(); ++d) index[d] = 0;
  for (Index i = 0, count = shape.elements(); i < count; ++i) {
    Index source = from.offset, target = to.offset;
    for (std::size_t d = 0; d < shape.rank(); ++d) {
      source += index[d] * from.strides[d];
      target += index[d] * to.strides[d];
    }
    std::memcpy(to.data + static_cast<std::size_t>(target) * element,
                from.data + static_cast<std::size_t>(source) * element, element);
    for (std::size_t d = shape.rank(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

/// A dense tensor of `shape` gathered from `input`.
HostTensor gather(const HostTensor& input, const Shape& shape, Index offset, const Strides& strides) {
  HostTensor out(input.dtype(), shape);
  copy(shape, size_of(input.dtype()), {bytes_of(out), 0, dense_strides(shape)},
       {bytes_of(input), offset, strides});
  return out;
}

std::size_t axis_of(Index axis, const Shape& shape) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<Index>(shape.rank()) : axis);
}

template <class T>
T apply(Binary::Kind kind, T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    switch (kind) {
      case Binary::Kind::add: return a + b;
      case Binary::Kind::sub: return a - b;
      case Binary::Kind::mul: return a * b;
      case Binary::Kind::div: return a / b;
    }
  } else {  // numbers of a file: overflow wraps instead of being undefined
    using U = std::make_unsigned_t<T>;
    const U ua = static_cast<U>(a), ub = static_cast<U>(b);
    switch (kind) {
      case Binary::Kind::add: return static_cast<T>(ua + ub);
      case Binary::Kind::sub: return static_cast<T>(ua - ub);
      case Binary::Kind::mul: return static_cast<T>(ua * ub);
      case Binary::Kind::div:
        if (b == 0) throw Error("model.shape", "an integer is divided by zero");
        return b == -1 ? static_cast<T>(U{0} - ua) : a / b;
    }
  }
  return T{};
}

float apply(Unary::Kind kind, float x) {
  const auto sigmoid = [](float v) { return 1.0f / (1.0f + std::exp(-v)); };
  switch (kind) {
    case Unary::Kind::relu: return x > 0 ? x : 0;
    case Unary::Kind::silu: return x * sigmoid(x);
    case Unary::Kind::sigmoid: return sigmoid(x);
    case Unary::Kind::tanh: return std::tanh(x);
    case Unary::Kind::exp: return std::exp(x);
    case Unary::Kind::sqrt: return std::sqrt(x);
    case Unary::Kind::neg: return -x;
  }
  return x;
}

HostTensor run(const Binary& op, Inputs in, const Shape& shape) {
  // What has the shape already needs no copy: the values of a reference may be large.
  const auto whole = [&](const HostTensor& tensor) {
    return tensor.shape() == shape ? std::nullopt : std::optional(broadcast(tensor, shape));
  };
  const std::optional<HostTensor> left = whole(*in[0]), right = whole(*in[1]);
  const HostTensor &a = left ? *left : *in[0], &b = right ? *right : *in[1];
  HostTensor out(a.dtype(), shape);
  const auto combine = [&]<class T>(const T* x, const T* y) {
    std::transform(x, x + shape.elements(), y, out.as<T>(), [&](T p, T q) { return apply(op.kind, p, q); });
  };
  if (a.dtype() == DType::f32)
    combine(a.as<float>(), b.as<float>());
  else
    combine(a.as<Index>(), b.as<Index>());
  return out;
}

HostTensor run(const Unary& op, Inputs in, const Shape& shape) {
  HostTensor out(DType::f32, shape);
  std::transform(in[0]->as<float>(), in[0]->as<float>() + shape.elements(), out.as<float>(),
                 [&](float x) { return apply(op.kind, x); });
  return out;
}

Index to_integer(float value) {
  constexpr float limit = 9.2233720e18f;  // a float beyond it has no 64-bit integer
  return std::isnan(value) ? 0 : static_cast<Index>(std::clamp(value, -limit, std::nextafter(limit, 0.0f)));
}

HostTensor run(const Cast& op, Inputs in, const Shape& shape) {
  if (op.to == in[0]->dtype()) return in[0]->clone();
  if (op.to == DType::f32) return in[0]->to_f32();
  HostTensor out(op.to, shape);
  const float* from = in[0]->as<float>();
  if (op.to == DType::f16)
    std::transform(from, from + shape.elements(), out.as<Half>(), to_half);
  else
    std::transform(from, from + shape.elements(), out.as<Index>(), to_integer);
  return out;
}

HostTensor run(const Concat& op, Inputs in, const Shape& shape) {
  HostTensor out(in[0]->dtype(), shape);
  const Strides strides = dense_strides(shape);
  Index offset = 0;
  for (const HostTensor* part : in) {
    copy(part->shape(), size_of(out.dtype()), {bytes_of(out), offset, strides},
         {bytes_of(*part), 0, dense_strides(part->shape())});
    const std::size_t axis = axis_of(op.axis, shape);
    offset += part->shape()[axis] * strides[axis];
  }
  return out;
}

std::vector<HostTensor> run_split(const Split& op, const HostTensor& input,
                                  const std::vector<Shape>& shapes) {
  const Strides strides = dense_strides(input.shape());
  std::vector<HostTensor> parts;
  Index offset = 0;
  for (const Shape& shape : shapes) {
    parts.push_back(gather(input, shape, offset, strides));
    const std::size_t axis = axis_of(op.axis, shape);
    offset += shape[axis] * strides[axis];
  }
  return parts;
}

HostTensor run(const Slice& op, Inputs in, const Shape& shape) {
  Strides strides = dense_strides(in[0]->shape());
  const std::size_t axis = axis_of(op.axis, shape);
  const Index offset = op.start * strides[axis];
  if (shape[axis] > 1)
    strides[axis] *= op.step;  // a single element takes no step: a huge one must not overflow
  return gather(*in[0], shape, offset, strides);
}

HostTensor run(const Reshape&, Inputs in, const Shape& shape) {
  return gather(*in[0], shape, 0, dense_strides(shape));
}

HostTensor run(const Transpose& op, Inputs in, const Shape& shape) {
  const Strides from = dense_strides(in[0]->shape());
  Strides strides = from;
  for (std::size_t d = 0; d < shape.rank(); ++d)
    strides[d] = from[static_cast<std::size_t>(op.permutation[d])];
  return gather(*in[0], shape, 0, strides);
}

template <class Op>
concept Runnable = requires(const Op& op, Inputs in, const Shape& shape) {
  run(op, in, shape);
};

bool types_fit(const Unary&, DType dtype) { return dtype == DType::f32; }
bool types_fit(const Cast& op, DType dtype) {
  const bool number = dtype == DType::f32 || dtype == DType::i64;
  return number && (op.to == dtype || op.to == DType::f32 ||
                    (dtype == DType::f32 && (op.to == DType::f16 || op.to == DType::i64)));
}
bool types_fit(const auto&, DType dtype) { return dtype == DType::f32 || dtype == DType::i64; }

}  // namespace

bool can_evaluate(const Operation& operation, DType inputs) {
  return std::visit(
      [&]<class Op>(const Op& op) {
        return (Runnable<Op> || std::is_same_v<Op, Split>)&&types_fit(op, inputs);
      },
      operation);
}

std::vector<HostTensor> evaluate(const Operation& operation, Inputs inputs) {
  std::vector<Shape> shapes;
  for (const HostTensor* input : inputs) {
    if (input->dtype() != inputs[0]->dtype()) throw Error("model.shape", "constants of different types meet");
    shapes.push_back(input->shape());
  }
  const std::vector<Shape> results = infer_shapes(operation, shapes);
  if (!can_evaluate(operation, inputs[0]->dtype()))
    throw Error("model.unsupported", fmt::format("{} of {} constants is not supported", name_of(operation),
                                                 to_string(inputs[0]->dtype())));
  return std::visit(
      [&]<class Op>(const Op& op) {
        std::vector<HostTensor> outputs;
        if constexpr (std::is_same_v<Op, Split>)
          outputs = run_split(op, *inputs[0], results);
        else if constexpr (Runnable<Op>)
          outputs.push_back(run(op, inputs, results[0]));
        return outputs;
      },
      operation);
}

HostTensor broadcast(const HostTensor& tensor, const Shape& shape) {
  const std::size_t added = shape.rank() - tensor.shape().rank();
  const Strides own = dense_strides(tensor.shape());
  Strides strides = shape;
  for (std::size_t d = 0; d < shape.rank(); ++d)
    strides[d] = d < added || tensor.shape()[d - added] == 1 ? 0 : own[d - added];
  return gather(tensor, shape, 0, strides);
}

}  // namespace peregrine::graph
