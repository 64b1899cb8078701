#include "engine/cuda/plan/tensor_views.h"

#include <algorithm>
#include <array>

namespace peregrine::cuda {
namespace {

using Index = std::int64_t;

/// Where a view's elements lie modulo `period`, if every dimension either steps by a multiple of the period
/// or stays within one: the interval [first, last]. Channel slices of one buffer differ in exactly that, with
/// the pixel as period.
std::optional<std::array<Index, 2>> residue(const TensorRef& tensor, Index period) {
  Index first = tensor.offset % period, last = first;
  for (std::size_t i = 0; i < tensor.shape.rank(); ++i)
    if (tensor.strides[i] % period != 0) last += (tensor.shape[i] - 1) * tensor.strides[i];
  if (last >= period) return std::nullopt;
  return std::array{first, last};
}

bool apart_modulo(const TensorRef& a, const TensorRef& b, Index period) {
  if (period <= 1) return false;
  const auto in_a = residue(a, period), in_b = residue(b, period);
  return in_a && in_b && ((*in_a)[1] < (*in_b)[0] || (*in_b)[1] < (*in_a)[0]);
}

}  // namespace

TensorRef sliced(TensorRef tensor, std::size_t axis, Index start, Index extent, Index step) {
  tensor.offset += start * tensor.strides[axis];
  tensor.shape[axis] = extent;
  tensor.strides[axis] *= step;
  return tensor;
}

TensorRef transposed(const TensorRef& tensor, std::span<const Index> permutation) {
  TensorRef result = tensor;
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    result.shape[i] = tensor.shape[static_cast<std::size_t>(permutation[i])];
    result.strides[i] = tensor.strides[static_cast<std::size_t>(permutation[i])];
  }
  return result;
}

std::optional<TensorRef> reshaped(const TensorRef& tensor, const Shape& shape) {
  TensorRef result = tensor;
  result.shape = shape;
  result.strides = Strides();
  // Walk both shapes from the outside in, matching the smallest groups of dimensions with equal products.
  // Within a group the old dimensions must form one arithmetic sequence, which the new ones then divide among
  // themselves.
  const std::size_t old_rank = tensor.shape.rank(), new_rank = shape.rank();
  std::size_t i = 0, j = 0;
  while (j < new_rank) {
    if (shape[j] == 1 && (i >= old_rank || tensor.shape[i] != 1)) {
      result.strides.push_back(1), ++j;
      continue;
    }
    Index old_product = tensor.shape[i], new_product = shape[j];
    std::size_t old_end = i + 1, new_end = j + 1;
    while (old_product != new_product)
      if (old_product < new_product)
        old_product *= tensor.shape[old_end++];
      else
        new_product *= shape[new_end++];
    if (old_end == i + 1 && new_end == j + 1) {
      result.strides.push_back(tensor.strides[i]);
      ++i, ++j;
      continue;
    }
    Index stride = 1, sequence = 0;  // of the group's elements; 0: not known yet, all extents were 1
    for (std::size_t k = old_end; k-- > i;) {
      if (tensor.shape[k] == 1) continue;
      if (sequence != 0 && tensor.strides[k] != sequence) return std::nullopt;
      if (sequence == 0) stride = tensor.strides[k];
      sequence = tensor.strides[k] * tensor.shape[k];
    }
    for (std::size_t k = j; k < new_end; ++k) {
      Index inner = 1;
      for (std::size_t l = k + 1; l < new_end; ++l) inner *= shape[l];
      result.strides.push_back(stride * inner);
    }
    i = old_end, j = new_end;
  }
  return result;
}

TensorRef broadcast(const TensorRef& tensor, const Shape& shape) {
  TensorRef result = tensor;
  result.shape = shape;
  result.strides = Strides();
  const std::size_t missing = shape.rank() - tensor.shape.rank();
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    const bool repeats = i < missing || (tensor.shape[i - missing] == 1 && shape[i] != 1);
    result.strides.push_back(repeats ? 0 : tensor.strides[i - missing]);
  }
  return result;
}

bool same_elements(const TensorRef& a, const TensorRef& b) {
  if (a.buffer != b.buffer || a.dtype != b.dtype || a.offset != b.offset || a.shape != b.shape) return false;
  for (std::size_t i = 0; i < a.shape.rank(); ++i)
    if (a.shape[i] != 1 && a.strides[i] != b.strides[i]) return false;
  return true;
}

std::optional<Index> pixel_distance(const TensorRef& map) {
  const auto &shape = map.shape, &strides = map.strides;
  // The stride of an extent of one says nothing.
  const Index pixel = shape[3] > 1   ? strides[3]
                      : shape[2] > 1 ? strides[2]
                      : shape[0] > 1 ? strides[0]
                                     : shape[1];
  const bool even = (shape[2] == 1 || strides[2] == shape[3] * pixel) &&
                    (shape[0] == 1 || strides[0] == shape[2] * shape[3] * pixel);
  return even ? std::optional(pixel) : std::nullopt;
}

Index span_of(const TensorRef& tensor) {
  Index last = 0;
  for (std::size_t i = 0; i < tensor.shape.rank(); ++i) last += (tensor.shape[i] - 1) * tensor.strides[i];
  return last + 1;
}

bool overlap(const TensorRef& a, const TensorRef& b) {
  if (a.buffer != b.buffer || a.offset + span_of(a) <= b.offset || b.offset + span_of(b) <= a.offset)
    return false;
  const auto apart = [&](Index period) { return apart_modulo(a, b, period); };
  return std::none_of(a.strides.begin(), a.strides.end(), apart) &&
         std::none_of(b.strides.begin(), b.strides.end(), apart);
}

}  // namespace peregrine::cuda
