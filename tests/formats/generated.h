// Numbers that tools/fixtures/make_checkpoints.py generates alike.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peregrine::test {

/// [0, 1) from a hash of name and index.
inline double uniform(std::string_view name, std::uint32_t index) {
  std::uint32_t h = 2166136261u;
  for (const char c : name) h = (h ^ static_cast<std::uint8_t>(c)) * 16777619u;
  h ^= index * 2654435761u;
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return static_cast<double>(h ^ h >> 16) / 4294967296.0;
}

/// Weights that keep activations near one; positive scales and variances.
inline std::vector<float> parameter(const std::string& name, const std::vector<std::int32_t>& shape) {
  std::size_t count = 1;
  for (const std::int32_t extent : shape) count *= static_cast<std::size_t>(extent);
  const double fan_in = static_cast<double>(count) / shape.front();
  const bool positive = name.ends_with(".weight") || name.ends_with(".running_var");
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double u = uniform(name, static_cast<std::uint32_t>(i));
    values[i] = static_cast<float>(shape.size() > 1 ? (u - 0.5) * std::sqrt(12 / fan_in)
                                   : positive       ? 0.5 + u
                                                    : (u - 0.5) * 0.2);
  }
  return values;
}

}  // namespace peregrine::test
