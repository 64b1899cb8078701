#include "graph/shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <type_traits>

#include "peregrine/error.h"

namespace peregrine::graph {

namespace {

using Inputs = std::span<const Shape>;
using Index = std::int64_t;

template <class... Args>
void require(bool condition, fmt::format_string<Args...> reason, Args&&... args) {
  if (!condition) throw Error("model.shape", fmt::format(reason, std::forward<Args>(args)...));
}

void require_rank(const Shape& shape, std::size_t rank, const char* what) {
  require(shape.rank() == rank, "{} needs {} dimensions but is {}", what, rank, to_string(shape));
}

void require_vector(const Shape& shape, Index extent, const char* what) {
  require(shape.rank() == 1 && shape[0] == extent, "{} needs {} elements but is {}", what, extent,
          to_string(shape));
}

// Numbers come from files: these bounds keep the arithmetic below from overflowing.
constexpr Index most_elements = Index{1} << 40;
constexpr Index most_step = Index{1} << 20;  ///< stride, dilation, padding, enlargement

/// Refuses extents below one and tensors beyond any memory.
void require_sane(const Shape& shape) {
  Index elements = 1;
  for (Index extent : shape) {
    require(extent >= 1, "the result {} would be empty", to_string(shape));
    require(extent <= most_elements / elements, "the result {} would be larger than any memory",
            to_string(shape));
    elements *= extent;
  }
}

/// An axis counted from the end when negative.
std::size_t resolve_axis(Index axis, const Shape& shape) {
  const Index rank = static_cast<Index>(shape.rank());
  require(axis >= -rank && axis < rank, "axis {} does not exist in {}", axis, to_string(shape));
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

/// Positions of a window of `kernel` elements over `extent` padded ones.
Index window_positions(Index extent, Index kernel, Index stride, Index dilation, Index pad_before,
                       Index pad_after) {
  const auto within = [](Index value, Index least) { return value >= least && value <= most_step; };
  require(within(kernel, 1) && within(stride, 1) && within(dilation, 1) && within(pad_before, 0) &&
              within(pad_after, 0),
          "a window needs positive kernel, stride and dilation and no negative padding");
  const Index reach = dilation * (kernel - 1) + 1;
  const Index padded = extent + pad_before + pad_after;
  require(padded >= reach, "a window of {} does not fit into {} padded elements", reach, padded);
  return (padded - reach) / stride + 1;
}

Shape infer(const Conv& op, Inputs in) {
  require_rank(in[0], 4, "the input");
  require_rank(in[1], 4, "the weight");
  const Shape &x = in[0], &w = in[1];
  require(op.groups >= 1 && x[1] == w[1] * op.groups && w[0] % op.groups == 0,
          "{} input channels do not fit weight {} in {} groups", x[1], to_string(w), op.groups);
  if (in.size() > 2) require_vector(in[2], w[0], "the bias");
  return {x[0], w[0], window_positions(x[2], w[2], op.stride[0], op.dilation[0], op.pad[0], op.pad[2]),
          window_positions(x[3], w[3], op.stride[1], op.dilation[1], op.pad[1], op.pad[3])};
}

Shape infer(const ConvTranspose& op, Inputs in) {
  require_rank(in[0], 4, "the input");
  require_rank(in[1], 4, "the weight");
  const Shape &x = in[0], &w = in[1];
  require(op.groups >= 1 && x[1] == w[0] && w[0] % op.groups == 0,
          "{} input channels do not fit weight {} in {} groups", x[1], to_string(w), op.groups);
  if (in.size() > 2) require_vector(in[2], w[1] * op.groups, "the bias");
  Shape out{x[0], w[1] * op.groups, 0, 0};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto reachable = [&](Index pad) { return pad >= 0 && pad < w[i + 2]; };
    require(op.stride[i] >= 1 && op.stride[i] <= most_step && reachable(op.pad[i]) &&
                reachable(op.pad[i + 2]) && op.output_pad[i] >= 0 && op.output_pad[i] < op.stride[i],
            "stride, padding or output padding is out of range");
    out[i + 2] = (x[i + 2] - 1) * op.stride[i] + w[i + 2] + op.output_pad[i] - op.pad[i] - op.pad[i + 2];
  }
  return out;
}

Shape infer(const Linear&, Inputs in) {
  require_rank(in[0], 2, "the input");
  require_rank(in[1], 2, "the weight");
  require(in[0][1] == in[1][1], "{} input features do not fit weight {}", in[0][1], to_string(in[1]));
  if (in.size() > 2) require_vector(in[2], in[1][0], "the bias");
  return {in[0][0], in[1][0]};
}

Shape infer_normalisation(Inputs in) {
  require(in[0].rank() >= 2, "the input needs a channel dimension but is {}", to_string(in[0]));
  for (const Shape& parameter : in.subspan(1))
    require_vector(parameter, in[0][1], "a normalisation parameter");
  return in[0];
}

Shape infer(const BatchNorm&, Inputs in) { return infer_normalisation(in); }

Shape infer(const InstanceNorm&, Inputs in) {
  require(in[0].rank() >= 3, "the input needs spatial dimensions but is {}", to_string(in[0]));
  return infer_normalisation(in);
}

Shape infer(const Unary&, Inputs in) { return in[0]; }

Shape infer(const Binary&, Inputs in) {
  const Shape& longer = in[0].rank() >= in[1].rank() ? in[0] : in[1];
  const Shape& shorter = in[0].rank() >= in[1].rank() ? in[1] : in[0];
  Shape out = longer;
  const std::size_t offset = longer.rank() - shorter.rank();
  for (std::size_t i = 0; i < shorter.rank(); ++i) {
    const Index a = longer[offset + i], b = shorter[i];
    require(a == b || a == 1 || b == 1, "{} and {} do not broadcast", to_string(in[0]), to_string(in[1]));
    out[offset + i] = a == 1 ? b : a;
  }
  return out;
}

Shape infer(const Concat& op, Inputs in) {
  const std::size_t axis = resolve_axis(op.axis, in[0]);
  Shape out = in[0];
  for (const Shape& next : in.subspan(1)) {
    Shape same = next;
    if (next.rank() == out.rank()) same[axis] = out[axis];
    require(same == out, "{} and {} cannot be joined along axis {}", to_string(in[0]), to_string(next), axis);
    out[axis] += next[axis];
  }
  return out;
}

std::vector<Shape> infer(const Split& op, Inputs in) {
  const std::size_t axis = resolve_axis(op.axis, in[0]);
  const bool positive =
      std::ranges::all_of(op.sizes, [&](Index size) { return size >= 1 && size <= in[0][axis]; });
  require(!op.sizes.empty() && positive &&
              std::accumulate(op.sizes.begin(), op.sizes.end(), Index{0}) == in[0][axis],
          "parts of {} do not make up {} along axis {}", fmt::join(op.sizes, ", "), to_string(in[0]), axis);
  std::vector<Shape> out(op.sizes.size(), in[0]);
  for (std::size_t i = 0; i < out.size(); ++i) out[i][axis] = op.sizes[i];
  return out;
}

Shape infer(const Slice& op, Inputs in) {
  const std::size_t axis = resolve_axis(op.axis, in[0]);
  require(op.step >= 1 && op.start >= 0 && op.start < op.end && op.end <= in[0][axis],
          "elements {} to {} in steps of {} do not exist along axis {} of {}", op.start, op.end, op.step,
          axis, to_string(in[0]));
  Shape out = in[0];
  out[axis] = (op.end - op.start - 1) / op.step + 1;
  return out;
}

Shape infer(const Reshape& op, Inputs in) {
  require_sane(op.shape);
  require(op.shape.elements() == in[0].elements(), "{} cannot become {}", to_string(in[0]),
          to_string(op.shape));
  if (in.size() > 1)
    require(in[1].rank() >= 2 && op.shape.rank() >= 2 &&
                std::equal(in[1].end() - 2, in[1].end(), op.shape.end() - 2, op.shape.end()),
            "the last two extents of {} are not those of {}", to_string(op.shape), to_string(in[1]));
  return op.shape;
}

Shape infer(const Transpose& op, Inputs in) {
  std::vector<Index> sorted = op.permutation, identity(in[0].rank());
  std::ranges::sort(sorted);
  std::iota(identity.begin(), identity.end(), Index{0});
  require(sorted == identity, "({}) is no permutation of the dimensions of {}",
          fmt::join(op.permutation, ", "), to_string(in[0]));
  Shape out = in[0];
  for (std::size_t i = 0; i < out.rank(); ++i) out[i] = in[0][static_cast<std::size_t>(op.permutation[i])];
  return out;
}

Shape infer(const MatMul&, Inputs in) {
  const Shape &a = in[0], &b = in[1];
  require(a.rank() >= 2 && a.rank() == b.rank() &&
              std::equal(a.begin(), a.end() - 2, b.begin(), b.end() - 2) &&
              a[a.rank() - 1] == b[b.rank() - 2],
          "{} and {} cannot be multiplied", to_string(a), to_string(b));
  Shape out = a;
  out[out.rank() - 1] = b[b.rank() - 1];
  return out;
}

Shape infer(const Softmax& op, Inputs in) {
  resolve_axis(op.axis, in[0]);
  return in[0];
}

Shape infer(const Pool& op, Inputs in) {
  require_rank(in[0], 4, "the input");
  const Shape& x = in[0];
  // A window of padding alone would have no maximum and no mean.
  for (std::size_t i = 0; i < 4; ++i)
    require(op.pad[i] < op.kernel[i % 2], "padding of {} covers a whole window of {}", op.pad[i],
            op.kernel[i % 2]);
  return {x[0], x[1], window_positions(x[2], op.kernel[0], op.stride[0], 1, op.pad[0], op.pad[2]),
          window_positions(x[3], op.kernel[1], op.stride[1], 1, op.pad[1], op.pad[3])};
}

Shape infer(const GlobalAveragePool&, Inputs in) {
  require_rank(in[0], 4, "the input");
  return {in[0][0], in[0][1], 1, 1};
}

Shape infer(const Upsample& op, Inputs in) {
  require_rank(in[0], 4, "the input");
  for (Index factor : op.factor)
    require(factor >= 1 && factor <= most_step, "a factor of {} does not enlarge", factor);
  return {in[0][0], in[0][1], in[0][2] * op.factor[0], in[0][3] * op.factor[1]};
}

Shape infer(const Cast&, Inputs in) { return in[0]; }

struct Arity {
  std::size_t least, most;
};

Arity arity_of(const Operation& operation) {
  constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
  return std::visit(Overloaded{[](const Conv&) {
                                 return Arity{2, 3};
                               },
                               [](const ConvTranspose&) {
                                 return Arity{2, 3};
                               },
                               [](const Linear&) {
                                 return Arity{2, 3};
                               },
                               [](const BatchNorm&) {
                                 return Arity{5, 5};
                               },
                               [](const InstanceNorm&) {
                                 return Arity{3, 3};
                               },
                               [](const Binary&) {
                                 return Arity{2, 2};
                               },
                               [](const MatMul&) {
                                 return Arity{2, 2};
                               },
                               [](const Concat&) {
                                 return Arity{1, any};
                               },
                               [](const Reshape&) {
                                 return Arity{1, 2};
                               },
                               [](const auto&) {
                                 return Arity{1, 1};
                               }},
                    operation);
}

}  // namespace

std::vector<Shape> infer_shapes(const Operation& operation, std::span<const Shape> inputs) {
  const Arity arity = arity_of(operation);
  require(inputs.size() >= arity.least && inputs.size() <= arity.most, "{} inputs are given to {}",
          inputs.size(), name_of(operation));
  std::vector<Shape> outputs = std::visit(
      [&](const auto& op) {
        if constexpr (std::is_same_v<decltype(infer(op, inputs)), Shape>)
          return std::vector<Shape>{infer(op, inputs)};
        else
          return infer(op, inputs);
      },
      operation);
  std::ranges::for_each(outputs, require_sane);
  return outputs;
}

}  // namespace peregrine::graph
