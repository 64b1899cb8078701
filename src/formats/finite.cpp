#include "formats/finite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "peregrine/error.h"

namespace peregrine {

namespace {

/// Of FP32 alone: readers give floating-point weights so.
template <class IsBad>
void require(const HostTensor& tensor, std::string_view name, std::string_view what, IsBad is_bad) {
  if (tensor.dtype() != DType::f32) return;
  const float* values = tensor.as<float>();
  const auto count = tensor.shape().elements();
  const auto bad = std::count_if(values, values + count, is_bad);
  if (bad > 0)
    throw Error("model.weights",
                fmt::format("{} has {} in {} of {} values", printable(name), what, bad, count),
                "Training diverged, or the file is damaged: take an earlier checkpoint, or train again with "
                "a lower rate.");
}

}  // namespace

void require_no_nan(const HostTensor& tensor, std::string_view name) {
  require(tensor, name, "NaN", [](float value) { return std::isnan(value); });
}

void require_finite(const HostTensor& tensor, std::string_view name) {
  require_no_nan(tensor, name);
  require(tensor, name, "Inf", [](float value) { return std::isinf(value); });
}

void require_variance(const HostTensor& tensor, double epsilon, std::string_view name) {
  require(tensor, name, fmt::format("no variance above 0 (epsilon {:g} included)", epsilon),
          [&](float variance) { return !(double{variance} + epsilon > 0); });
}

}  // namespace peregrine
