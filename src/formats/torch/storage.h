// Storages: the flat arrays behind tensors. torch.save keeps them outside the pickle, which refers to them
// by persistent ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/pickle/value.h"
#include "peregrine/tensor.h"

namespace peregrine::torch {

/// What a persistent id says of a storage.
struct StorageReference {
  std::optional<DType> dtype;  ///< nothing: untyped, or a type that no tensor of ours can have
  std::string type;            ///< "FloatStorage"
  std::string key;
  std::int64_t elements = 0;       ///< bytes where the storage is untyped
  std::int64_t element_bytes = 1;  ///< also of types that dtype can't express
};

/// Throws Error "model.pickle" when the id is none of torch.save's.
StorageReference storage_reference(const pickle::PersistentId& id);

/// Where the bytes of storages come from.
class StorageSource {
 public:
  virtual ~StorageSource() = default;
  /// All bytes of a storage in this machine's byte order. The view lives as long as the source. Throws Error
  /// of family "model" when the file does not hold them all.
  virtual std::span<const std::byte> bytes(const StorageReference& storage) = 0;
};

}  // namespace peregrine::torch
