// Arithmetic of OpenCV's INTER_LINEAR on 8-bit pixels, element by element, exact to the bit
// (docs/reference/algorithms.md#resize). Called by the CPU loop and the kernels alike.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/host_device.h"

namespace peregrine::preprocess {

/// Two neighbouring source positions and their weights, which are 11-bit fixed point and sum to about 2048.
struct Tap {
  int first, second;
  int weight_first, weight_second;
};

struct SourcePosition {
  int index;       ///< may be -1
  float fraction;  ///< 0 <= fraction < 1
};

/// Centre of destination pixel `d` in the source. `scale` = source_scale().
PEREGRINE_HD SourcePosition source_position(int d, double scale) {
  const float position = static_cast<float>((d + 0.5) * scale - 0.5);
  const float whole = floorf(position);
  return {static_cast<int>(whole), position - whole};
}

/// Not source/destination: the reference divides twice, and that rounds differently.
PEREGRINE_HD double source_scale(int source, int destination) {
  return 1.0 / (static_cast<double>(destination) / source);
}

PEREGRINE_HD Tap weighted(int first, int second, float fraction) {
  return {first, second, static_cast<int>(rintf((1.0f - fraction) * 2048.0f)),
          static_cast<int>(rintf(fraction * 2048.0f))};
}

/// Along x: outside the source the edge pixel counts alone.
PEREGRINE_HD Tap column_tap(int d, double scale, int source) {
  SourcePosition p = source_position(d, scale);
  if (p.index < 0) return {0, 0, 2048, 0};
  if (p.index >= source - 1) return {source - 1, source - 1, 2048, 0};
  return weighted(p.index, p.index + 1, p.fraction);
}

/// Along y: the weights stay, only the rows are clamped.
PEREGRINE_HD Tap row_tap(int d, double scale, int source) {
  const SourcePosition p = source_position(d, scale);
  const int last = source - 1;
  const int first = p.index < 0 ? 0 : (p.index > last ? last : p.index);
  const int second = p.index + 1 > last ? last : p.index + 1;
  return weighted(first, second, p.fraction);
}

/// Horizontal step, already shifted for the vertical one: at most 32640, fits 16 bits.
PEREGRINE_HD std::int16_t blend_columns(std::uint8_t first, std::uint8_t second, int weight_first,
                                        int weight_second) {
  return static_cast<std::int16_t>((first * weight_first + second * weight_second) >> 4);
}

/// Vertical step over two results of blend_columns().
PEREGRINE_HD std::uint8_t blend_rows(std::int16_t first, std::int16_t second, int weight_first,
                                     int weight_second) {
  return static_cast<std::uint8_t>((((weight_first * first) >> 16) + ((weight_second * second) >> 16) + 2) >>
                                   2);
}

}  // namespace peregrine::preprocess
