// IEEE binary16 and bfloat16 as storage: conversions with round-to-nearest-even, same result on host and
// device.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/host_device.h"

namespace peregrine {

/// Storage of one binary16 value; layout-compatible with CUDA's __half.
struct Half {
  std::uint16_t bits;
};

PEREGRINE_HD float bits_to_float(std::uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

PEREGRINE_HD std::uint32_t float_to_bits(float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

PEREGRINE_HD float to_float(Half h) {
  const std::uint32_t sign = (h.bits & 0x8000u) << 16;
  const std::uint32_t rest = h.bits & 0x7fffu;
  if (rest >= 0x7c00u) return bits_to_float(sign | 0x7f800000u | ((rest & 0x3ffu) << 13));
  // Shifting the exponent by multiplication with 2^112 also handles subnormal halves exactly.
  return bits_to_float(sign | float_to_bits(bits_to_float(rest << 13) * bits_to_float(0x77800000u)));
}

PEREGRINE_HD Half to_half(float value) {
  const std::uint32_t bits = float_to_bits(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<std::uint16_t>(sign | 0x7e00u)};   // NaN
  if (magnitude >= 0x477ff000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)};  // overflow or infinity
  if (magnitude < 0x38800000u) {  // subnormal half: adding 0.5 aligns the mantissa, hardware rounds to even
    const std::uint32_t aligned = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u;
    return {static_cast<std::uint16_t>(sign | aligned)};
  }
  const std::uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u;
  return {static_cast<std::uint16_t>(sign | (rounded >> 13))};
}

PEREGRINE_HD float bfloat16_to_float(std::uint16_t bits) {
  return bits_to_float(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace peregrine
