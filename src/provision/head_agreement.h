// Raw head tensors of an engine beside those of the reference: how alike they are as numbers.
#pragma once

#include <span>
#include <vector>

#include "base/tensor.h"

namespace peregrine::provision {

/// Adds up over pictures. Tensors are dense FP32, in equal order and shapes.
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

}  // namespace peregrine::provision
