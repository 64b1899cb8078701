// Operators that the shape arithmetic of exported files needs, on known tensors only.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "formats/finite.h"
#include "formats/onnx/read/operators.h"
#include "graph/evaluate.h"
#include "graph/shapes.h"

namespace peregrine::onnx {

namespace {

using Index = std::int64_t;

HostTensor integers(std::span<const Index> values) {
  HostTensor tensor(DType::i64, {static_cast<Index>(values.size())});
  std::ranges::copy(values, tensor.as<Index>());
  return tensor;
}

template <class T>
HostTensor scalar(DType dtype, T value) {
  HostTensor tensor(dtype, {});
  *tensor.as<T>() = value;
  return tensor;
}

OnnxValues rounded(Translation& t, float (*round)(float)) {
  const HostTensor& x = t.known(0, "what it rounds");
  if (x.dtype() != DType::f32) throw Error("model.damaged", "it rounds integers");
  t.require_room(x.shape().elements());
  HostTensor result(DType::f32, x.shape());
  std::transform(x.as<float>(), x.as<float>() + x.shape().elements(), result.as<float>(), round);
  return {t.make_known(std::move(result))};
}

Shape broadcast_shape(const Shape& a, const Shape& b) {
  return graph::infer_shapes(graph::Binary{}, std::vector{a, b})[0];
}

template <class T>
HostTensor counted(Translation& t, DType dtype, double elements, auto element) {
  t.require_room(elements > 1e9 ? -1 : static_cast<Index>(elements));
  HostTensor result(dtype, {static_cast<Index>(elements)});
  for (Index i = 0; i < result.shape()[0]; ++i) result.as<T>()[i] = element(i);
  return result;
}

template <class T>
HostTensor range_of(Translation& t, DType dtype) {
  const auto value = [&](std::size_t i) {
    const HostTensor& tensor = t.known(i, "a bound");
    if (tensor.dtype() != dtype || tensor.shape().elements() != 1)
      throw Error("model.damaged", "its bounds are no three numbers of one type");
    const T bound = *tensor.as<T>();
    constexpr double exact = 1LL << 53;  // integers beyond it are no doubles
    if (std::is_integral_v<T> && std::abs(static_cast<double>(bound)) > exact)
      throw Error("model.shape", "a bound is out of range");
    return bound;
  };
  const T start = value(0), limit = value(1), step = value(2);
  const double elements =
      std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(step));
  if (std::isnan(elements)) throw Error("model.shape", "a range in steps of zero");
  // In doubles: exact for what fits into memory, and never undefined.
  return counted<T>(t, dtype, std::max(elements, 0.0), [&](Index i) {
    return static_cast<T>(static_cast<double>(start) + static_cast<double>(i) * static_cast<double>(step));
  });
}

}  // namespace

OnnxValues constant(Translation& t) {
  if (auto tensor = t.node.tensor("value")) {
    const std::string& name = t.node.proto().name();
    require_no_nan(*tensor, name.empty() ? t.output_name() : name);
    return {t.make_known(std::move(*tensor))};
  }
  if (t.node.has("value_float")) return {t.make_known(scalar(DType::f32, t.node.number("value_float", 0)))};
  if (t.node.has("value_int")) return {t.make_known(scalar(DType::i64, t.node.integer("value_int", 0)))};
  if (t.node.has("value_ints")) return {t.make_known(integers(t.node.integers("value_ints", {})))};
  refuse("a constant of this kind is not supported");
}

OnnxValues constant_of_shape(Translation& t) {
  const std::vector<Index> extents = t.integers(0);
  const Shape shape{std::span(extents)};
  const auto value = t.node.tensor("value");
  if (value && value->shape().elements() != 1) throw Error("model.damaged", "its value is not one number");
  const HostTensor element = value ? value->clone() : scalar(DType::f32, 0.0f);
  const std::vector<Shape> both{element.shape(), shape};
  const Shape checked = graph::infer_shapes(graph::Binary{}, both)[0];
  t.require_room(checked.elements());
  HostTensor single(element.dtype(), {});
  std::copy_n(element.as<std::byte>(), element.bytes(), single.as<std::byte>());
  return {t.make_known(graph::broadcast(single, shape))};
}

OnnxValues shape_of(Translation& t) {
  const Shape& x = t.shape(0);
  const Index rank = static_cast<Index>(x.rank());
  const auto position = [&](std::string_view name, Index fallback) {
    const Index value = t.node.integer(name, fallback);
    return std::clamp<Index>(value < 0 ? value + rank : value, 0, rank);
  };
  const Index start = position("start", 0), end = position("end", rank);
  return {
      t.make_known(integers({x.begin() + start, static_cast<std::size_t>(std::max<Index>(end - start, 0))}))};
}

OnnxValues range(Translation& t) {
  const DType dtype = t.known(0, "a bound").dtype();
  return {t.make_known(dtype == DType::f32 ? range_of<float>(t, dtype) : range_of<Index>(t, dtype))};
}

OnnxValues floor(Translation& t) { return rounded(t, std::floor); }
OnnxValues ceil(Translation& t) { return rounded(t, std::ceil); }

OnnxValues equal(Translation& t) {
  const HostTensor &a = t.known(0, "what it compares"), &b = t.known(1, "what it compares");
  const Shape shape = broadcast_shape(a.shape(), b.shape());
  if (a.dtype() != DType::i64 || b.dtype() != DType::i64) refuse("only integers are compared");
  t.require_room(3 * shape.elements());
  const HostTensor x = graph::broadcast(a, shape), y = graph::broadcast(b, shape);
  HostTensor result(DType::i64, shape);
  std::transform(x.as<Index>(), x.as<Index>() + shape.elements(), y.as<Index>(), result.as<Index>(),
                 std::equal_to<>());
  return {t.make_known(std::move(result))};
}

OnnxValues where(Translation& t) {
  const HostTensor &condition = t.known(0, "the condition"), &a = t.known(1, "what it chooses from"),
                   &b = t.known(2, "what it chooses from");
  if (condition.dtype() != DType::i64 || a.dtype() != DType::i64 || b.dtype() != DType::i64)
    refuse("it chooses among integers only");
  const Shape shape = broadcast_shape(condition.shape(), broadcast_shape(a.shape(), b.shape()));
  t.require_room(4 * shape.elements());
  const HostTensor choice = graph::broadcast(condition, shape), x = graph::broadcast(a, shape),
                   y = graph::broadcast(b, shape);
  HostTensor result(DType::i64, shape);
  for (Index i = 0; i < shape.elements(); ++i)
    result.as<Index>()[i] = choice.as<Index>()[i] ? x.as<Index>()[i] : y.as<Index>()[i];
  return {t.make_known(std::move(result))};
}

}  // namespace peregrine::onnx
