// The parameters of one checkpoint as FP32 constants: converted and folded once, shared by all graphs of the
// model.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/tensor.h"
#include "formats/torch/checkpoint.h"

namespace peregrine {

using Constant = std::shared_ptr<const HostTensor>;

/// A batch normalisation in inference: (x - mean) / sqrt(variance + epsilon) * scale + shift, a channel.
/// Scale and shift may be null (1 and 0).
struct BatchNormSource {
  std::string name;  ///< of the layer, for messages
  const pickle::Value *scale = nullptr, *shift = nullptr, *mean = nullptr, *variance = nullptr;
  double epsilon = 1e-5;
};

/// Convolution or linear layer, and the normalisation that follows it, if any.
struct AffineSource {
  const pickle::Value *weight = nullptr, *bias = nullptr;
  const BatchNormSource* norm = nullptr;
};

/// Weight [K, ...] and bias [K]; bias is null where there is none.
struct Affine {
  Constant weight, bias;
};

/// Safe to use from several threads.
class Weights {
 public:
  explicit Weights(torch::Checkpoint checkpoint)
      : checkpoint_(std::make_unique<torch::Checkpoint>(std::move(checkpoint))) {}

  /// A tensor as it is. `name` identifies it among the constants of the model.
  Constant tensor(const std::string& name, const pickle::Value& value);
  /// A layer with its normalisation folded in: in double, rounded to float once.
  Affine affine(const std::string& name, const AffineSource& source);
  /// Lets go of the file: from now on only constants that were asked for before can be had.
  void release_file();

 private:
  HostTensor read(const std::string& name, const pickle::Value& value);
  Affine make_affine(const std::string& name, const AffineSource& source);

  std::mutex mutex_;
  std::unique_ptr<torch::Checkpoint> checkpoint_;
  std::map<std::string, Constant> tensors_;
  std::map<std::string, Affine> affines_;
};

}  // namespace peregrine
