// What engine_bench feeds a plan and compares: memory of its bindings, and recorded tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "core/half.h"
#include "cuda/memory.h"
#include "engine/cuda/plan/plan.h"

namespace peregrine::bench {

/// A file of FP32 numbers and nothing else; nothing where it is not there.
inline std::optional<std::vector<float>> read_floats(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::nullopt;
  std::vector<float> values(std::filesystem::file_size(file) / sizeof(float));
  in.read(reinterpret_cast<char*>(values.data()),
          static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

/// Offset of the element `index` of a dense tensor in a strided one; axis 0 left out.
inline std::int64_t strided_offset(const cuda::TensorRef& tensor, std::int64_t index) {
  std::int64_t offset = 0;
  for (std::size_t axis = tensor.shape.rank(); axis-- > 1;) {
    offset += index % tensor.shape[axis] * tensor.strides[axis];
    index /= tensor.shape[axis];
  }
  return offset;
}

inline std::int64_t image_elements(const cuda::TensorRef& tensor) {
  return tensor.shape.elements() / tensor.shape[0];
}

/// A binding's memory on device and host.
struct BoundMemory {
  const cuda::PlanBinding& binding;
  cuda::DeviceBuffer device;
  std::vector<std::byte> host;

  explicit BoundMemory(const cuda::PlanBinding& of)
      : binding(of), device(bytes_of(of.tensor), of.name), host(bytes_of(of.tensor)) {}

  static std::size_t bytes_of(const cuda::TensorRef& tensor) {
    return static_cast<std::size_t>(tensor.shape[0] * tensor.strides[0]) * size_of(tensor.dtype);
  }
  void put(std::int64_t at, float value) {
    if (binding.tensor.dtype == DType::f32)
      reinterpret_cast<float*>(host.data())[at] = value;
    else
      reinterpret_cast<Half*>(host.data())[at] = to_half(value);
  }
  float get(std::int64_t at) const {
    return binding.tensor.dtype == DType::f32 ? reinterpret_cast<const float*>(host.data())[at]
                                              : to_float(reinterpret_cast<const Half*>(host.data())[at]);
  }
};

}  // namespace peregrine::bench
