// Compares the raw head tensors of an engine with those of the reference, number by number.
#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"

namespace peregrine::engine_cache {

/// Adds up over images. Tensors are dense FP32, in equal order and shapes.
class HeadAgreement {
 public:
  void add(std::span<const HostTensor> expected, std::span<const HostTensor> actual);

  /// The lowest cosine of any tensor.
  double cosine() const { return cosine_; }
  /// The largest difference, relative to its tensor's largest value.
  double relative() const { return relative_; }

 private:
  void add(const HostTensor& expected, const HostTensor& actual);

  double cosine_ = 1, relative_ = 0;
};

}  // namespace peregrine::engine_cache
