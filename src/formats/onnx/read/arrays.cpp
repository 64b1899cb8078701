// Operators that move elements.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "formats/advice.h"
#include "formats/onnx/read/operators.h"
#include "formats/onnx/tensors.h"
#include "graph/evaluate.h"
#include "graph/shapes.h"

namespace peregrine::onnx {

namespace {

using Index = std::int64_t;
using Integers = std::vector<Index>;

/// An axis counted from the end when negative, of a tensor of `rank` dimensions.
std::size_t resolved(Index axis, std::size_t rank) {
  const Index dimensions = static_cast<Index>(rank);
  if (axis < -dimensions || axis >= dimensions)
    throw Error("model.shape", fmt::format("axis {} does not exist in {} dimensions", axis, rank));
  return static_cast<std::size_t>(axis < 0 ? axis + dimensions : axis);
}

/// Axes that old files give as an attribute and newer ones as an input; empty where neither does.
Integers axes_of(const Translation& t, Index input_since) {
  if (t.opset() < input_since) return t.node.integers("axes", {});
  if (t.node.has("axes"))
    throw Error("model.damaged", "its axes are an attribute, which they are no longer in this opset");
  return t.has_input(1) ? t.integers(1) : Integers{};
}

OnnxValue reshaped(Translation& t, const OnnxValue& operand, const Shape& shape) {
  return t.emit_one(graph::Reshape{shape}, {operand});
}

OnnxValue gathered(Translation& t, const HostTensor& x, const HostTensor& indices, std::size_t axis) {
  t.require_room(x.shape().elements());  // each on its own, so that the product below cannot overflow
  t.require_room(indices.shape().elements());
  Shape shape;
  for (std::size_t i = 0; i < axis; ++i) shape.push_back(x.shape()[i]);
  for (const Index extent : indices.shape()) shape.push_back(extent);
  for (std::size_t i = axis + 1; i < x.shape().rank(); ++i) shape.push_back(x.shape()[i]);
  t.require_room(shape.elements());

  const Index extent = x.shape()[axis], count = indices.shape().elements();
  const Index inner =
      std::accumulate(x.shape().begin() + axis + 1, x.shape().end(), Index{1}, std::multiplies<>());
  const Index outer = extent == 0 ? 0 : x.shape().elements() / extent / std::max<Index>(inner, 1);
  const std::size_t run = static_cast<std::size_t>(inner) * size_of(x.dtype());
  HostTensor result(x.dtype(), shape);
  std::byte* target = result.as<std::byte>();
  for (Index o = 0; o < outer; ++o)
    for (Index i = 0; i < count; ++i, target += run) {
      const Index index = indices.as<Index>()[i] + (indices.as<Index>()[i] < 0 ? extent : 0);
      if (index < 0 || index >= extent)
        throw Error("model.shape", fmt::format("index {} is out of range", index));
      std::copy_n(x.as<std::byte>() + static_cast<std::size_t>(o * extent + index) * run, run, target);
    }
  return t.make_known(std::move(result));
}

/// Some elements of an axis in any order, joined along it: of what the image decides by a slice for each.
OnnxValue picked(Translation& t, const OnnxValue& operand, const Integers& places, std::size_t axis) {
  constexpr std::size_t most_slices = 64;
  if (operand.known) {
    HostTensor indices(DType::i64, {static_cast<Index>(places.size())});
    std::ranges::copy(places, indices.as<Index>());
    return gathered(t, *operand.known, indices, axis);
  }
  if (places.size() > most_slices)
    refuse(fmt::format("taking {} elements of the image in an order of their own is not supported",
                       places.size()));
  OnnxValues parts;
  for (const Index place : places)
    parts.push_back(t.emit_one(
        graph::Slice{.axis = static_cast<Index>(axis), .start = place, .end = place + 1}, {operand}));
  return t.emit_one(graph::Concat{static_cast<Index>(axis)}, parts);
}

/// From start down to what lies behind end.
OnnxValue sliced_backwards(Translation& t, const OnnxValue& operand, std::size_t axis, Index start, Index end,
                           Index step) {
  const Index extent = t.shape(operand)[axis];
  start = std::clamp<Index>(start < 0 ? start + extent : start, 0, extent - 1);
  end = std::clamp<Index>(end < 0 ? end + extent : end, -1, extent - 1);
  Integers places;
  for (Index place = start; place > end; place += std::max(step, -extent)) places.push_back(place);
  if (places.empty()) refuse("slices without elements are not supported");
  return picked(t, operand, places, axis);
}

OnnxValue sliced(Translation& t, const OnnxValue& operand, std::size_t axis, Index start, Index end,
                 Index step) {
  if (step == 0) throw Error("model.damaged", "it slices in steps of 0");
  if (step < 0) return sliced_backwards(t, operand, axis, start, end, step);
  const Index extent = t.shape(operand)[axis];
  const auto within = [&](Index position) {
    return std::clamp<Index>(position < 0 ? position + extent : position, 0, extent);
  };
  start = within(start);
  end = within(end);
  if (start >= end) refuse("slices without elements are not supported");
  if (start == 0 && end == extent && step == 1) return operand;
  return t.emit_one(graph::Slice{.axis = static_cast<Index>(axis), .start = start, .end = end, .step = step},
                    {operand});
}

}  // namespace

OnnxValues concat(Translation& t) {
  const auto count = static_cast<std::size_t>(t.node.proto().input_size());
  return t.emit(graph::Concat{t.node.integer("axis", 1)}, t.inputs(std::max<std::size_t>(count, 1), count));
}

OnnxValues split(Translation& t) {
  const Shape& x = t.shape(0);
  const std::size_t axis = resolved(t.node.integer("axis", 0), x.rank());
  if (t.opset() >= 13 && t.node.has("split"))
    throw Error("model.damaged", "its sizes are an attribute, which they are no longer in this opset");
  Integers sizes = t.opset() >= 13 && t.has_input(1) ? t.integers(1) : t.node.integers("split", {});
  if (sizes.empty()) {
    const auto parts = static_cast<Index>(std::max<std::size_t>(t.output_count(), 1));
    if (t.node.integer("num_outputs", parts) != parts)
      throw Error("model.damaged", "it has another number of outputs than it says");
    if (t.opset() < 18 && x[axis] % parts != 0)
      throw Error("model.shape", fmt::format("{} elements make no {} equal parts", x[axis], parts));
    const Index size = (x[axis] + parts - 1) / parts;
    sizes.assign(static_cast<std::size_t>(parts), size);
    sizes.back() = x[axis] - size * (parts - 1);
  }
  if (std::ranges::find(sizes, Index{0}) != sizes.end()) refuse("parts without elements are not supported");
  return t.emit(graph::Split{static_cast<Index>(axis), sizes}, {t.input(0)});
}

OnnxValues slice(Translation& t) {
  const bool attributes = t.opset() < 10;
  const Integers starts = attributes ? t.node.integers("starts", {}) : t.integers(1);
  const Integers ends = attributes ? t.node.integers("ends", {}) : t.integers(2);
  if (!attributes && (t.node.has("starts") || t.node.has("ends") || t.node.has("axes")))
    throw Error("model.damaged", "its bounds are attributes, which they are no longer in this opset");
  Integers axes(starts.size()), steps(starts.size(), 1);
  std::iota(axes.begin(), axes.end(), Index{0});
  if (attributes) axes = t.node.integers("axes", axes);
  if (!attributes && t.has_input(3)) axes = t.integers(3);
  if (!attributes && t.has_input(4)) steps = t.integers(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    throw Error("model.damaged", "starts, ends, axes and steps differ in number");
  OnnxValue result = t.input(0);
  for (std::size_t i = 0; i < starts.size(); ++i)
    result = sliced(t, result, resolved(axes[i], t.shape(0).rank()), starts[i], ends[i], steps[i]);
  return {result};
}

OnnxValues reshape(Translation& t) {
  const Integers wanted = t.integers(1);
  const Shape& x = t.shape(0);
  const bool zero_copies = t.node.integer("allowzero", 0) == 0;
  Shape shape;
  std::size_t open = Shape::max_rank;
  if (std::ranges::count(wanted, Index{-1}) > 1)
    throw Error("model.damaged", "it leaves more than one extent open");
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == -1) open = i;
    shape.push_back(wanted[i] == -1 ? 1 : wanted[i] == 0 && zero_copies && i < x.rank() ? x[i] : wanted[i]);
  }
  if (open < Shape::max_rank) {
    Index others = 1;  // cannot overflow: it stays within the input's elements
    for (const Index extent : shape)
      if (extent < 1 || extent > x.elements() / others)
        throw Error("model.shape",
                    fmt::format("{} cannot become ({})", to_string(x), fmt::join(wanted, ", ")));
      else
        others *= extent;
    shape[open] = x.elements() / others;
  }
  return {reshaped(t, t.input(0), shape)};
}

OnnxValues flatten(Translation& t) {
  const Shape& x = t.shape(0);
  const Index axis = t.node.integer("axis", 1), rank = static_cast<Index>(x.rank());
  if (axis < -rank || axis > rank)
    throw Error("model.shape", fmt::format("axis {} does not exist in {}", axis, to_string(x)));
  const auto middle = x.begin() + (axis < 0 ? axis + rank : axis);
  const Index rows = std::accumulate(x.begin(), middle, Index{1}, std::multiplies<>());
  const Index columns = std::accumulate(middle, x.end(), Index{1}, std::multiplies<>());
  return {reshaped(t, t.input(0), {rows, columns})};
}

OnnxValues squeeze(Translation& t) {
  const Shape& x = t.shape(0);
  std::vector<bool> drop(x.rank());
  const Integers axes = axes_of(t, 13);
  for (const Index axis : axes) drop[resolved(axis, x.rank())] = true;
  Shape shape;
  for (std::size_t i = 0; i < x.rank(); ++i)
    if (axes.empty() ? x[i] != 1 : !drop[i]) shape.push_back(x[i]);
  return {reshaped(t, t.input(0), shape)};
}

OnnxValues unsqueeze(Translation& t) {
  const Shape& x = t.shape(0);
  const Integers axes = axes_of(t, 13);
  const std::size_t rank = x.rank() + axes.size();
  if (rank > Shape::max_rank) throw Error("model.rank", fmt::format("{} dimensions are too many", rank));
  std::vector<bool> added(rank);
  for (const Index axis : axes) added[resolved(axis, rank)] = true;
  Shape shape;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rank; ++i) shape.push_back(added[i] || next == x.rank() ? 1 : x[next++]);
  return {reshaped(t, t.input(0), shape)};
}

OnnxValues transpose(Translation& t) {
  Integers reversed(t.shape(0).rank());
  std::iota(reversed.rbegin(), reversed.rend(), Index{0});
  return t.emit(graph::Transpose{t.node.integers("perm", reversed)}, {t.input(0)});
}

OnnxValues gather(Translation& t) {
  const OnnxValue& x = t.input(0);
  const std::size_t axis = resolved(t.node.integer("axis", 0), t.shape(x).rank());
  const Integers indices = t.integers(1);
  if (x.known) return {gathered(t, *x.known, *t.input(1).known, axis)};
  // Of an image's values: the elements of an axis, which disappears where the index is a single number.
  const Index extent = t.shape(x)[axis];
  Integers places;
  for (const Index index : indices) {
    if (index < -extent || index >= extent)
      throw Error("model.shape", fmt::format("index {} is out of range", index));
    places.push_back(index + (index < 0 ? extent : 0));
  }
  if (places.empty() || t.shape(1).rank() > 1)
    refuse(fmt::format("gathering by indices of {} is not supported", to_string(t.shape(1))));
  const OnnxValue elements = picked(t, x, places, axis);
  if (t.shape(1).rank() == 1) return {elements};
  Shape without;
  for (std::size_t i = 0; i < t.shape(x).rank(); ++i)
    if (i != axis) without.push_back(t.shape(x)[i]);
  return {reshaped(t, elements, without)};
}

OnnxValues expand(Translation& t) {
  const OnnxValue& x = t.input(0);
  const Integers wanted = t.integers(1);
  const std::vector<Shape> both{t.shape(x), Shape(wanted)};
  const Shape shape = graph::infer_shapes(graph::Binary{}, both)[0];
  if (shape == t.shape(x)) return {x};
  if (!x.known) refuse("repeating the values of an image is not supported");
  t.require_room(shape.elements());
  return {t.make_known(graph::broadcast(*x.known, shape))};
}

OnnxValues cast(Translation& t) {
  const OnnxValue& x = t.input(0);
  switch (t.node.integer("to", 0)) {
    case pb::TensorProto::FLOAT:
    case pb::TensorProto::FLOAT16:
    case pb::TensorProto::DOUBLE: return t.emit(graph::Cast{DType::f32}, {x});  // everything is FP32 here
    case pb::TensorProto::BFLOAT16:
      if (x.known) return t.emit(graph::Cast{DType::f32}, {x});
      refuse("numbers of the image in bfloat16 are not supported");  // 8 bits of each would be other results
    case pb::TensorProto::INT64:
    case pb::TensorProto::INT32:
      if (x.known) return t.emit(graph::Cast{DType::i64}, {x});
      refuse("integers made from the image are not supported");
    default:
      refuse(
          fmt::format("a cast to {} is not supported", type_name(static_cast<int>(t.node.integer("to", 0)))));
  }
}

OnnxValues identity(Translation& t) { return {t.input(0)}; }

OnnxValues dropout(Translation& t) {
  if (t.has_input(2) && t.integers(2) != Integers{0})
    refuse("dropout in training mode is not supported", advice::evaluation_mode);
  return {t.input(0)};
}

}  // namespace peregrine::onnx
