// How a pickle spells a tensor: a call of one of torch's rebuild functions.
#pragma once

#include <optional>

#include "formats/pickle/value.h"
#include "formats/torch/storage.h"

namespace peregrine::torch {

struct TensorReference {
  StorageReference storage;
  DType dtype = DType::f32;
  std::int64_t offset = 0;  ///< in elements
  Shape shape;
  Strides strides;
};

/// True when `value` is spelled as a tensor, readable or not.
bool is_tensor(const pickle::Value& value);

/// Looks through Parameter wrappers. Nothing when `value` is no tensor; throws Error "model.tensor" when it
/// is one that cannot be (types without arithmetic, negative extents, more than eight dimensions).
std::optional<TensorReference> tensor_reference(const pickle::Value& value);

}  // namespace peregrine::torch
