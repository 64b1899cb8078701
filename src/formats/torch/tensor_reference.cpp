#include "formats/torch/tensor_reference.h"

#include <fmt/format.h>

#include <utility>

#include "peregrine/error.h"

namespace peregrine::torch {

namespace {

using pickle::Value;

[[noreturn]] void fail(const std::string& what) {
  throw Error("model.tensor", what, "The file is damaged or not supported.");
}

Shape extents(const Value& value) {
  const auto numbers = pickle::items(value);
  if (!numbers) fail("a tensor has a shape that is none");
  Shape shape;
  for (const Value& number : *numbers) {
    const auto extent = pickle::integer(number);
    if (!extent || *extent < 0) fail("a tensor has a shape that is none");
    shape.push_back(*extent);
  }
  return shape;
}

TensorReference rebuild(std::span<const Value> arguments) {
  if (arguments.size() < 4) fail("a tensor lacks some of its properties");
  const auto* id = pickle::as<pickle::PersistentId>(arguments[0]);
  const auto offset = pickle::integer(arguments[1]);
  if (!id || !offset || *offset < 0) fail("a tensor has no storage or no offset");
  StorageReference storage = storage_reference(*id);
  if (!storage.dtype) fail(fmt::format("a tensor has a storage of the unsupported type {}", storage.type));
  const DType dtype = *storage.dtype;
  TensorReference tensor{std::move(storage), dtype, *offset, extents(arguments[2]), extents(arguments[3])};
  if (tensor.shape.rank() != tensor.strides.rank()) fail("a tensor has not one stride a dimension");
  return tensor;
}

/// Arguments of the rebuild function, through Parameter wrappers.
std::optional<std::span<const Value>> rebuild_arguments(const Value& value) {
  const Value* inner = &value;
  for (int wrappers = 0; wrappers < 4; ++wrappers) {
    const std::string name = pickle::class_name(*inner);
    const auto* call = pickle::as<pickle::Object>(*inner);
    const auto arguments = call ? pickle::items(call->arguments) : std::nullopt;
    if (!arguments || arguments->empty()) return std::nullopt;
    if (name == "torch._utils._rebuild_tensor_v2" || name == "torch._utils._rebuild_tensor") return arguments;
    if (name != "torch._utils._rebuild_parameter" && name != "torch._utils._rebuild_parameter_with_state")
      return std::nullopt;
    inner = &arguments->front();
  }
  return std::nullopt;
}

}  // namespace

bool is_tensor(const Value& value) { return rebuild_arguments(value).has_value(); }

std::optional<TensorReference> tensor_reference(const Value& value) {
  const auto arguments = rebuild_arguments(value);
  return arguments ? std::optional(rebuild(*arguments)) : std::nullopt;
}

}  // namespace peregrine::torch
