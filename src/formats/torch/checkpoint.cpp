#include "formats/torch/checkpoint.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <string_view>

#include "formats/torch/legacy_checkpoint.h"
#include "formats/torch/tensor_reference.h"
#include "formats/torch/zip_checkpoint.h"
#include "peregrine/error.h"

namespace peregrine::torch {

namespace {

/// One past the highest element that the tensor touches; nothing when the numbers are beyond any file.
std::optional<std::int64_t> reach(const TensorReference& tensor) {
  std::int64_t highest = tensor.offset;
  for (std::size_t i = 0; i < tensor.shape.rank(); ++i) {
    std::int64_t step = 0;
    if (tensor.shape[i] == 0) return tensor.offset;
    if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &step) ||
        __builtin_add_overflow(highest, step, &highest))
      return std::nullopt;
  }
  return highest < INT64_MAX ? std::optional(highest + 1) : std::nullopt;
}

std::optional<std::int64_t> elements_of(const Shape& shape) {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape)
    if (__builtin_mul_overflow(product, extent, &product)) return std::nullopt;
  return product;
}

/// Copies the elements of a strided view in row-major order.
HostTensor gather(const TensorReference& tensor, const std::byte* storage) {
  HostTensor out(tensor.dtype, tensor.shape);
  if (out.bytes() == 0) return out;  // also where the storage is empty and has no address
  const std::size_t width = size_of(tensor.dtype);
  const std::byte* first = storage + static_cast<std::size_t>(tensor.offset) * width;
  if (tensor.strides == dense_strides(tensor.shape)) {
    std::memcpy(out.as<std::byte>(), first, out.bytes());
    return out;
  }
  std::array<std::int64_t, Shape::max_rank> index{};
  const std::int64_t count = tensor.shape.elements();
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t position = 0;
    for (std::size_t d = 0; d < tensor.shape.rank(); ++d) position += index[d] * tensor.strides[d];
    std::memcpy(out.as<std::byte>() + static_cast<std::size_t>(i) * width,
                first + static_cast<std::size_t>(position) * width, width);
    for (std::size_t d = tensor.shape.rank(); d-- > 0;) {
      if (++index[d] < tensor.shape[d]) break;
      index[d] = 0;
    }
  }
  return out;
}

OpenedFile open(std::span<const std::byte> file) { return is_zip(file) ? open_zip(file) : open_legacy(file); }

/// As for the archive: no honest tensor data is larger than this many elements a byte of the file.
constexpr std::int64_t most_expansion = 16;

}  // namespace

bool is_zip(std::span<const std::byte> file) {
  constexpr std::string_view magic = "PK\x03\x04";
  return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
}

Checkpoint::Checkpoint(std::span<const std::byte> file)
    : elements_left_(static_cast<std::int64_t>(file.size()) * most_expansion) {
  OpenedFile opened = open(file);
  document_ = std::move(opened.document);
  storages_ = std::move(opened.storages);
}

HostTensor Checkpoint::tensor(const pickle::Value& value) {
  const std::optional<TensorReference> tensor = tensor_reference(value);
  if (!tensor)
    throw Error("model.tensor", "there is something else where a tensor is needed",
                "The file is damaged or not supported.");
  const std::optional<std::int64_t> end = reach(*tensor), elements = elements_of(tensor->shape);
  const std::span<const std::byte> bytes = storages_->bytes(tensor->storage);
  const auto available = static_cast<std::int64_t>(bytes.size() / size_of(tensor->dtype));
  if (!end || !elements || *end > available)
    throw Error("model.tensor",
                fmt::format("a tensor {} reaches beyond its storage '{}' of {} elements",
                            to_string(tensor->shape), tensor->storage.key, available),
                "The file is damaged: do not trust it, copy or download it again.");
  if (*elements > elements_left_)
    throw Error("model.size", "the tensors claim more elements than the file can hold",
                "Do not trust this file.");
  elements_left_ -= *elements;
  HostTensor dense = gather(*tensor, bytes.data());
  return tensor->dtype == DType::f32 ? std::move(dense) : dense.to_f32();
}

}  // namespace peregrine::torch
