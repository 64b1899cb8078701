#include "core/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "core/half.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

struct DTypeFacts {
  const char* name;
  std::size_t bytes;
};

constexpr DTypeFacts facts_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return {"FP32", 4};
    case DType::f16: return {"FP16", 2};
    case DType::bf16: return {"BF16", 2};
    case DType::f64: return {"FP64", 8};
    case DType::u8: return {"UINT8", 1};
    case DType::i8: return {"INT8", 1};
    case DType::boolean: return {"BOOL", 1};
    case DType::i32: return {"INT32", 4};
    case DType::i64: return {"INT64", 8};
  }
  return {"?", 0};
}

constexpr std::size_t alignment = 64;

}  // namespace

std::size_t size_of(DType dtype) noexcept { return facts_of(dtype).bytes; }
const char* to_string(DType dtype) noexcept { return facts_of(dtype).name; }

std::string to_string(const Device& device) {
  switch (device.kind) {
    case Device::Kind::cpu: return "cpu";
    case Device::Kind::pinned: return "cpu (pinned)";
    case Device::Kind::cuda: return fmt::format("cuda:{}", device.index);
  }
  return "?";
}

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : Shape(std::span(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const std::int64_t> extents) {
  for (std::int64_t extent : extents) push_back(extent);
}

void Shape::push_back(std::int64_t extent) {
  if (rank_ == max_rank)
    throw Error("model.rank", fmt::format("A tensor has more than {} dimensions.", max_rank));
  extents_[rank_++] = extent;
}

std::int64_t Shape::elements() const noexcept {
  std::int64_t product = 1;
  for (std::int64_t extent : *this) product *= extent;
  return product;
}

bool Shape::operator==(const Shape& other) const noexcept {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::string to_string(const Shape& shape) {
  return fmt::format("{}", fmt::join(shape.begin(), shape.end(), "x"));
}

Strides dense_strides(const Shape& shape) {
  Strides strides = shape;
  std::int64_t step = 1;
  for (std::size_t i = shape.rank(); i-- > 0; step *= shape[i]) strides[i] = step;
  return strides;
}

Strides channels_last_strides(const Shape& nchw) {
  return {nchw[1] * nchw[2] * nchw[3], 1, nchw[3] * nchw[1], nchw[1]};
}

bool TensorView::dense() const noexcept { return strides == dense_strides(shape); }

void HostTensor::Free::operator()(std::byte* p) const noexcept {
  ::operator delete[](p, std::align_val_t{alignment});
}

HostTensor::HostTensor(DType dtype, const Shape& shape)
    : dtype_(dtype),
      shape_(shape),
      data_(new (std::align_val_t{alignment}) std::byte[std::max<std::size_t>(bytes(), 1)]) {}

HostTensor HostTensor::zeros(DType dtype, const Shape& shape) {
  HostTensor tensor(dtype, shape);
  std::memset(tensor.data_.get(), 0, tensor.bytes());
  return tensor;
}

TensorView HostTensor::view() const noexcept {
  return {data_.get(), dtype_, Device::cpu(), shape_, dense_strides(shape_)};
}

HostTensor HostTensor::clone() const {
  HostTensor copy(dtype_, shape_);
  std::memcpy(copy.data_.get(), data_.get(), bytes());
  return copy;
}

HostTensor HostTensor::to_f32() const {
  HostTensor out(DType::f32, shape_);
  const auto convert = [&]<class T>(const T* from, auto&& value) {
    std::transform(from, from + shape_.elements(), out.as<float>(), value);
  };
  const auto plain = [](auto v) { return static_cast<float>(v); };
  switch (dtype_) {
    case DType::f32: convert(as<float>(), plain); break;
    case DType::f16: convert(as<Half>(), [](Half h) { return to_float(h); }); break;
    case DType::bf16: convert(as<std::uint16_t>(), bfloat16_to_float); break;
    case DType::f64: convert(as<double>(), plain); break;
    case DType::u8:
    case DType::boolean: convert(as<std::uint8_t>(), plain); break;
    case DType::i8: convert(as<std::int8_t>(), plain); break;
    case DType::i32: convert(as<std::int32_t>(), plain); break;
    case DType::i64: convert(as<std::int64_t>(), plain); break;
  }
  return out;
}

}  // namespace peregrine
