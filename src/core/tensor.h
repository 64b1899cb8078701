// Owner of host tensors; the views are public (peregrine/tensor.h).
#pragma once

#include <cstddef>
#include <memory>

#include "peregrine/tensor.h"

namespace peregrine {

/// Dense tensor in host memory, 64-byte aligned, movable. Contents are uninitialised unless `zeros`.
class HostTensor {
 public:
  HostTensor() = default;
  HostTensor(DType dtype, const Shape& shape);
  static HostTensor zeros(DType dtype, const Shape& shape);

  DType dtype() const noexcept { return dtype_; }
  const Shape& shape() const noexcept { return shape_; }
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(shape_.elements()) * size_of(dtype_); }
  TensorView view() const noexcept;
  template <class T>
  T* as() noexcept {
    return reinterpret_cast<T*>(data_.get());
  }
  template <class T>
  const T* as() const noexcept {
    return reinterpret_cast<const T*>(data_.get());
  }
  HostTensor clone() const;
  /// Dense FP32 copy of an f16, bf16, f32 or f64 tensor (or integer one, converted).
  HostTensor to_f32() const;

 private:
  struct Free {
    void operator()(std::byte* p) const noexcept;
  };
  DType dtype_ = DType::f32;
  Shape shape_;
  std::unique_ptr<std::byte[], Free> data_;
};

}  // namespace peregrine
