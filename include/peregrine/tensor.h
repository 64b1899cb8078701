// Vendor-free descriptions of memory: device, element type, shape and strides. The types are plain data, own
// nothing, and may be copied to any thread. An example, of an FP16 feature map stored channels-last (NHWC):
//
//   const peregrine::Shape nchw{1, 64, 80, 80};
//   const peregrine::TensorView view{data, peregrine::DType::f16, peregrine::Device::cuda(0), nchw,
//                                    peregrine::channels_last_strides(nchw)};
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace peregrine {

enum class DType : std::uint8_t { f32, f16, bf16, f64, u8, i8, boolean, i32, i64 };

/// Bytes of one element.
std::size_t size_of(DType dtype) noexcept;
/// "FP32", "FP16", "BF16", "FP64", "UINT8", ...: the names used in messages and manifests.
const char* to_string(DType dtype) noexcept;

/// A place that memory can live in. `pinned` is page-locked host memory.
struct Device {
  enum class Kind : std::uint8_t { cpu, pinned, cuda };
  Kind kind = Kind::cpu;
  int index = 0;  ///< CUDA ordinal; 0 for host memory

  static constexpr Device cpu() { return {Kind::cpu, 0}; }
  static constexpr Device pinned() { return {Kind::pinned, 0}; }
  static constexpr Device cuda(int index) { return {Kind::cuda, index}; }
  bool on_gpu() const noexcept { return kind == Kind::cuda; }
  bool operator==(const Device&) const = default;
};

/// "cpu", "cpu (pinned)" or "cuda:N".
std::string to_string(const Device& device);

/// Up to eight extents (or strides), stored in place. Index 0 is the outermost dimension.
class Shape {
 public:
  static constexpr std::size_t max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(std::span<const std::int64_t> extents);

  std::size_t rank() const noexcept { return rank_; }
  std::int64_t operator[](std::size_t i) const noexcept { return extents_[i]; }
  std::int64_t& operator[](std::size_t i) noexcept { return extents_[i]; }
  void push_back(std::int64_t extent);
  const std::int64_t* begin() const noexcept { return extents_.data(); }
  const std::int64_t* end() const noexcept { return extents_.data() + rank_; }
  /// Product of all extents; 1 for rank 0.
  std::int64_t elements() const noexcept;
  bool operator==(const Shape& other) const noexcept;

 private:
  std::array<std::int64_t, max_rank> extents_{};
  std::size_t rank_ = 0;
};

using Strides = Shape;  ///< in elements, same rank as the shape they belong to

/// "1x3x640x640".
std::string to_string(const Shape& shape);
/// Strides of a dense tensor with the last dimension contiguous.
Strides dense_strides(const Shape& shape);
/// Strides of a logically NCHW shape stored channels-last.
Strides channels_last_strides(const Shape& nchw);

/// A view of memory that somebody else owns. `shape` is always logical (NCHW for feature maps); `strides`
/// hold the layout.
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::f32;
  Device device;
  Shape shape;
  Strides strides;

  bool dense() const noexcept;
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(shape.elements()) * size_of(dtype); }
  template <class T>
  T* as() const noexcept {
    return static_cast<T*>(data);
  }
};

}  // namespace peregrine
