#include "engine_cache/validation/head_agreement.h"

#include <algorithm>
#include <cmath>

#include "parity/parity.h"

namespace peregrine::engine_cache {

void HeadAgreement::add(std::span<const HostTensor> expected, std::span<const HostTensor> actual) {
  for (std::size_t t = 0; t < expected.size(); ++t) add(expected[t], actual[t]);
}

void HeadAgreement::add(const HostTensor& expected, const HostTensor& actual) {
  const auto count = static_cast<std::size_t>(expected.shape().elements());
  const std::span a(expected.as<float>(), count), b(actual.as<float>(), count);
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < count; ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i])));
    const double d = std::abs(static_cast<double>(a[i]) - b[i]);
    difference = d <= difference ? difference : d;  // a NaN stays
  }
  const double alike = largest == 0 && difference == 0 ? 1.0 : parity::cosine(a, b);
  cosine_ = alike >= cosine_ ? cosine_ : alike;
  const double share = difference / std::max(largest, 1e-30);
  relative_ = share <= relative_ ? relative_ : share;
}

}  // namespace peregrine::engine_cache
