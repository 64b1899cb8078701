// Products of matrices, in all ranks that ONNX knows.
#include <fmt/format.h>

#include <numeric>
#include <span>
#include <utility>

#include "formats/onnx/read/operators.h"
#include "graph/evaluate.h"
#include "graph/shapes.h"

namespace peregrine::onnx {

namespace {

using Index = std::int64_t;
using Integers = std::vector<Index>;

/// All extents but those of the matrix.
Shape leading(const Shape& shape) {
  Shape batch;
  for (std::size_t i = 0; i + 2 < shape.rank(); ++i) batch.push_back(shape[i]);
  return batch;
}

/// A matrix for each of `batch`: the one that there is counts for all of them.
OnnxValue repeated(Translation& t, const OnnxValue& operand, Shape batch) {
  const Shape shape = t.shape(operand);
  batch.push_back(shape[shape.rank() - 2]);
  batch.push_back(shape[shape.rank() - 1]);
  if (batch == shape) return operand;
  if (batch.elements() == shape.elements()) return t.emit_one(graph::Reshape{batch}, {operand});
  if (!operand.known) refuse("repeating the values of an image is not supported");
  t.require_room(batch.elements());
  return t.make_known(graph::broadcast(*operand.known, batch));
}

/// The matrices of a batch with the last two dimensions exchanged.
OnnxValue transposed(Translation& t, const OnnxValue& operand) {
  Integers order(t.shape(operand).rank());
  std::iota(order.begin(), order.end(), Index{0});
  std::swap(order[order.size() - 2], order.back());
  return t.emit_one(graph::Transpose{order}, {operand});
}

Shape with_matrix(Shape leading, Index rows, Index columns) {
  leading.push_back(rows);
  leading.push_back(columns);
  return leading;
}

/// Whether a constant's matrices are the same for all images: they are used as they are, for repeating them
/// would hold the graph to so many images, and its constants would grow with them.
bool is_shared_by_images(const Translation& t, const OnnxValue& constant, const OnnxValue& images,
                         const Shape& batch) {
  const Shape own = leading(t.shape(constant));
  return constant.known && !images.known && batch.rank() > 0 && batch[0] > 1 &&
         leading(t.shape(images)) == batch && (own.rank() < batch.rank() || own[0] == 1);
}

/// A constant matrix [M,K] for each [K,P] of the images is a convolution whose channels are the K rows: one
/// for all of them, or a group for each of an image's matrices.
OnnxValue constant_times_images(Translation& t, const OnnxValue& a, const OnnxValue& b, const Shape& batch) {
  const Shape x = t.shape(b), own = leading(t.shape(a));
  const Index m = t.shape(a)[own.rank()], k = x[x.rank() - 2], p = x[x.rank() - 1];
  const bool one = own.elements() == 1;
  const Shape inner(std::span(batch.begin() + 1, batch.end()));
  const Index groups = one ? 1 : inner.elements(), images = one ? batch.elements() : batch[0];
  OnnxValue matrices = a;
  if (own.rank() == batch.rank()) {  // its first extent is 1
    const Shape rest(std::span(own.begin() + 1, own.end()));
    matrices = t.emit_one(graph::Reshape{with_matrix(rest, m, k)}, {a});
  }
  if (!one) matrices = repeated(t, matrices, inner);
  const OnnxValue weight = t.emit_one(graph::Reshape{{groups * m, k, 1, 1}}, {matrices});
  const OnnxValue channels = t.emit_one(graph::Reshape{{images, groups * k, p, 1}}, {b});
  const OnnxValue product = t.emit_one(graph::Conv{.groups = groups}, {channels, weight});
  return t.emit_one(graph::Reshape{with_matrix(batch, m, p)}, {product});
}

/// One constant matrix on the right makes all rows those of one layer.
OnnxValue rows_times_constant(Translation& t, const OnnxValue& a, const OnnxValue& b, const Shape& batch) {
  const Shape rows = t.shape(a), columns = t.shape(b);
  const Index k = columns[columns.rank() - 2], p = columns[columns.rank() - 1];
  const OnnxValue matrix = columns.rank() == 2 ? b : t.emit_one(graph::Reshape{{k, p}}, {b});
  const OnnxValue weight = t.emit_one(graph::Transpose{{1, 0}}, {matrix});
  if (batch.rank() == 0) return t.emit_one(graph::Linear{}, {a, weight});
  const OnnxValue flat = t.emit_one(graph::Reshape{{rows.elements() / k, k}}, {a});
  const OnnxValue product = t.emit_one(graph::Linear{}, {flat, weight});
  return t.emit_one(graph::Reshape{with_matrix(batch, rows[rows.rank() - 2], p)}, {product});
}

OnnxValue batch_product(Translation& t, const OnnxValue& a, const OnnxValue& b, const Shape& batch) {
  const bool one_matrix = b.known && leading(t.shape(b)).elements() == 1;
  if (one_matrix && leading(t.shape(a)).elements() == batch.elements())
    return rows_times_constant(t, a, b, batch);
  if (is_shared_by_images(t, a, b, batch)) return constant_times_images(t, a, b, batch);
  if (is_shared_by_images(t, b, a, batch))
    return transposed(t, constant_times_images(t, transposed(t, b), transposed(t, a), batch));
  return t.emit_one(graph::MatMul{}, {repeated(t, a, batch), repeated(t, b, batch)});
}

}  // namespace

OnnxValues gemm(Translation& t) {
  if (t.node.number("alpha", 1) != 1 || t.node.number("beta", 1) != 1 || t.node.integer("transA", 0) != 0)
    refuse("alpha, beta or transA are not supported");
  OnnxValues operands = t.inputs(2, 3);
  if (t.node.integer("transB", 0) == 0) operands[1] = t.emit_one(graph::Transpose{{1, 0}}, {operands[1]});
  if (operands.size() > 2) {
    const Shape& bias = t.shape(operands[2]);  // one number a row would be another operator
    if (bias.rank() > 2 || bias.rank() == 0 || (bias.rank() == 2 && bias[0] != 1))
      refuse(fmt::format("a third operand of {} is not supported", to_string(bias)));
  }
  if (operands.size() > 2)
    operands[2] = t.emit_one(graph::Reshape{{t.shape(operands[2]).elements()}}, {operands[2]});
  return t.emit(graph::Linear{}, operands);
}

OnnxValues mat_mul(Translation& t) {
  OnnxValue a = t.input(0), b = t.input(1);
  const Shape x = t.shape(a), y = t.shape(b);
  if (x.rank() == 0 || y.rank() == 0) throw Error("model.damaged", "it multiplies a single number");
  // A vector is a row on the left and a column on the right; the result does not have that dimension.
  if (x.rank() == 1) a = t.emit_one(graph::Reshape{{1, x[0]}}, {a});
  if (y.rank() == 1) b = t.emit_one(graph::Reshape{{y[0], 1}}, {b});
  const Shape rows = t.shape(a), columns = t.shape(b);
  if (rows[rows.rank() - 1] != columns[columns.rank() - 2])
    throw Error("model.shape", fmt::format("{} and {} cannot be multiplied", to_string(x), to_string(y)));
  const Shape batch = graph::infer_shapes(graph::Binary{}, std::vector{leading(rows), leading(columns)})[0];
  const OnnxValue result = batch_product(t, a, b, batch);
  if (x.rank() > 1 && y.rank() > 1) return {result};
  Shape without = batch;
  if (x.rank() > 1) without.push_back(rows[rows.rank() - 2]);
  if (y.rank() > 1) without.push_back(columns[columns.rank() - 1]);
  return t.emit(graph::Reshape{without}, {result});
}

}  // namespace peregrine::onnx
