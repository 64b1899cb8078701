// A file of torch.save: zip archive (since PyTorch 1.6) or the older stream of pickles.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/tensor.h"
#include "formats/pickle/value.h"
#include "formats/torch/storage.h"

namespace peregrine::torch {

bool is_zip(std::span<const std::byte> file);
/// The number with which the older files begin, in any pickle protocol.
bool is_legacy(std::span<const std::byte> file);

class Checkpoint {
 public:
  /// `file` must outlive the checkpoint, not its document. Throws Error of family "model" whose sentence
  /// names no file.
  explicit Checkpoint(std::span<const std::byte> file);

  const std::shared_ptr<const pickle::Document>& document() const noexcept { return document_; }
  const pickle::Value& root() const noexcept { return document_->root; }

  /// Dense FP32 copy of a tensor or parameter of the document. Throws Error "model.tensor" when `value` is
  /// none or reaches beyond its storage.
  HostTensor tensor(const pickle::Value& value);

 private:
  std::shared_ptr<const pickle::Document> document_;
  std::unique_ptr<StorageSource> storages_;
  std::int64_t
      elements_left_;  ///< of all tensors together: overlapping views can't claim more than a file can hold
};

}  // namespace peregrine::torch
