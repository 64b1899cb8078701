#include "formats/weights.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "formats/finite.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

Constant share(HostTensor tensor) { return std::make_shared<const HostTensor>(std::move(tensor)); }

std::int64_t channels_of(const HostTensor& weight) {
  return weight.shape().rank() == 0 ? 0 : weight.shape()[0];
}

/// Each channel of the weight times its factor.
void scale_channels(HostTensor& weight, const std::vector<double>& factors) {
  const std::int64_t per_channel = weight.shape().elements() / static_cast<std::int64_t>(factors.size());
  float* element = weight.as<float>();
  for (const double factor : factors)
    for (std::int64_t i = 0; i < per_channel; ++i, ++element)
      *element = static_cast<float>(*element * factor);
}

}  // namespace

HostTensor Weights::read(const std::string& name, const pickle::Value& value) {
  if (!checkpoint_)
    throw Error("internal.weights",
                "A graph asks for weights that the first graph of the model did not have.");
  HostTensor tensor = checkpoint_->tensor(value);
  require_finite(tensor, name);
  return tensor;
}

void Weights::release_file() {
  const std::lock_guard lock(mutex_);
  checkpoint_.reset();
}

Constant Weights::tensor(const std::string& name, const pickle::Value& value) {
  const std::lock_guard lock(mutex_);
  const auto known = tensors_.find(name);
  return known != tensors_.end() ? known->second
                                 : tensors_.emplace(name, share(read(name, value))).first->second;
}

Affine Weights::affine(const std::string& name, const AffineSource& source) {
  const std::lock_guard lock(mutex_);
  const auto known = affines_.find(name);
  return known != affines_.end() ? known->second
                                 : affines_.emplace(name, make_affine(name, source)).first->second;
}

Affine Weights::make_affine(const std::string& name, const AffineSource& source) {
  HostTensor weight = read(name + ".weight", *source.weight);
  if (!source.norm)
    return {share(std::move(weight)), source.bias ? share(read(name + ".bias", *source.bias)) : nullptr};

  const std::int64_t channels = channels_of(weight);
  // One value a channel; `otherwise` where the checkpoint has none.
  const auto per_channel = [&](const std::string& tensor_name, const pickle::Value* value, double otherwise) {
    if (!value) return std::vector<double>(static_cast<std::size_t>(channels), otherwise);
    const HostTensor tensor = read(tensor_name, *value);
    if (value == source.norm->variance) require_variance(tensor, source.norm->epsilon, tensor_name);
    if (channels == 0 || tensor.shape() != Shape{channels})
      throw Error(
          "model.shape",
          fmt::format("the normalisation of '{}' has not one value for each of {} channels", name, channels),
          "The file is damaged or not supported.");
    return std::vector<double>(tensor.as<float>(), tensor.as<float>() + channels);
  };
  const BatchNormSource& norm = *source.norm;
  std::vector<double> factors = per_channel(norm.name + ".weight", norm.scale, 1);
  const std::vector<double> shift = per_channel(norm.name + ".bias", norm.shift, 0);
  const std::vector<double> mean = per_channel(norm.name + ".running_mean", norm.mean, 0);
  const std::vector<double> variance = per_channel(norm.name + ".running_var", norm.variance, 1);
  const std::vector<double> bias = per_channel(name + ".bias", source.bias, 0);
  HostTensor folded_bias(DType::f32, {channels});
  for (std::size_t k = 0; k < factors.size(); ++k) {
    factors[k] /= std::sqrt(variance[k] + norm.epsilon);
    folded_bias.as<float>()[k] = static_cast<float>((bias[k] - mean[k]) * factors[k] + shift[k]);
  }
  scale_channels(weight, factors);
  const std::string folded = name + " with its normalisation";
  require_finite(weight, folded);
  require_finite(folded_bias, folded);
  return {share(std::move(weight)), share(std::move(folded_bias))};
}

}  // namespace peregrine
