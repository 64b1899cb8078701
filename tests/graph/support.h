// Small tensors for the graph's tests.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "core/tensor.h"

namespace peregrine::graph {

inline HostTensor floats(const Shape& shape, std::initializer_list<float> values) {
  HostTensor tensor(DType::f32, shape);
  std::ranges::copy(values, tensor.as<float>());
  return tensor;
}

inline HostTensor integers(const Shape& shape, std::initializer_list<std::int64_t> values) {
  HostTensor tensor(DType::i64, shape);
  std::ranges::copy(values, tensor.as<std::int64_t>());
  return tensor;
}

/// 0, 1, 2, ... in the order of memory.
inline HostTensor counting(const Shape& shape) {
  HostTensor tensor(DType::f32, shape);
  for (std::int64_t i = 0; i < shape.elements(); ++i) tensor.as<float>()[i] = static_cast<float>(i);
  return tensor;
}

template <class T = float>
std::vector<T> values(const HostTensor& tensor) {
  return {tensor.as<T>(), tensor.as<T>() + tensor.shape().elements()};
}

}  // namespace peregrine::graph
