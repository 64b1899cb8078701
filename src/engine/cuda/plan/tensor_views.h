// Arithmetic of strided tensor views, which need no copy.
#pragma once

#include <optional>
#include <span>

#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

/// Elements `start`, `start + step`, ... along an axis.
TensorRef sliced(TensorRef tensor, std::size_t axis, std::int64_t start, std::int64_t extent,
                 std::int64_t step = 1);

/// Dimension i of the result is dimension `permutation[i]` of `tensor`.
TensorRef transposed(const TensorRef& tensor, std::span<const std::int64_t> permutation);

/// The same elements in row-major order under another shape; nothing where that takes a copy.
std::optional<TensorRef> reshaped(const TensorRef& tensor, const Shape& shape);

/// Numpy's broadcasting: missing leading dimensions and extents of 1 repeat.
TensorRef broadcast(const TensorRef& tensor, const Shape& shape);

/// Both name the same elements in the same order (the stride of an extent of 1 does not matter).
bool same_elements(const TensorRef& a, const TensorRef& b);

/// How far apart the pixels of a channels-last map lie, where that is the same across rows and images too.
std::optional<std::int64_t> pixel_distance(const TensorRef& map);

/// Elements from the view's first to its last one.
std::int64_t span_of(const TensorRef& tensor);

/// False when no element of `a` is one of `b`. May say true of disjoint views that interleave in an unusual
/// way.
bool overlap(const TensorRef& a, const TensorRef& b);

}  // namespace peregrine::cuda
