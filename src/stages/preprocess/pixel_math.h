// Converts an 8-bit channel value to the model's input (docs/reference/algorithms.md#letterbox).
#pragma once

#include <cstdint>

#include "core/half.h"
#include "core/host_device.h"

namespace peregrine::preprocess {

/// Grey level of the padding.
inline constexpr std::uint8_t pad_value = 114;

enum class Scaling : std::uint8_t {
  unit,      ///< value / 255
  imagenet,  ///< (value / 255 - mean) / deviation, by channel
};

/// In float; a half is this result rounded once (multiplying by half(1/255) is wrong for 10 of 256 values).
/// `channel`: 0 red, 1 green, 2 blue.
PEREGRINE_HD float scaled_value(std::uint8_t value, Scaling scaling, int channel) {
  const float unit = value / 255.0f;
  if (scaling == Scaling::unit) return unit;
  const float mean = channel == 0 ? 0.485f : (channel == 1 ? 0.456f : 0.406f);
  const float deviation = channel == 0 ? 0.229f : (channel == 1 ? 0.224f : 0.225f);
  return (unit - mean) / deviation;
}

PEREGRINE_HD void store(float value, float* to) { *to = value; }
PEREGRINE_HD void store(float value, Half* to) { *to = to_half(value); }

}  // namespace peregrine::preprocess
