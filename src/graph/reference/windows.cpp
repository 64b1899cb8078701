// Pooling and enlarging.
#include <algorithm>
#include <limits>

#include "graph/reference/kernels.h"

namespace peregrine::graph::reference {

namespace {

using Index = std::int64_t;

double pool_window(const Pool& pool, const float* plane, Index height, Index width, Index oy, Index ox) {
  const Index top = oy * pool.stride[0] - pool.pad[0], left = ox * pool.stride[1] - pool.pad[1];
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  Index inside = 0;
  for (Index y = std::max<Index>(top, 0); y < std::min(top + pool.kernel[0], height); ++y)
    for (Index x = std::max<Index>(left, 0); x < std::min(left + pool.kernel[1], width); ++x, ++inside) {
      const double v = plane[y * width + x];
      largest = std::max(largest, v);
      sum += v;
    }
  if (pool.kind == Pool::Kind::max) return largest;
  return sum / static_cast<double>(pool.count_padding ? pool.kernel[0] * pool.kernel[1] : inside);
}

/// The two source elements of a target element and the weight of the second: centres aligned, border
/// repeated.
struct Sample {
  Index first, second;
  double weight;
};
Sample sample(Upsample::Kind kind, Index target, Index factor, Index extent) {
  if (kind == Upsample::Kind::nearest) return {target / factor, target / factor, 0.0};
  const double position =
      std::max((static_cast<double>(target) + 0.5) / static_cast<double>(factor) - 0.5, 0.0);
  const auto first = static_cast<Index>(position);
  return {first, std::min(first + 1, extent - 1), position - static_cast<double>(first)};
}

}  // namespace

void evaluate(const Pool& pool, Inputs in, Outputs out) {
  const Shape &x = in[0]->shape(), &y = out[0].shape();
  float* target = out[0].as<float>();
  for (Index plane = 0; plane < x[0] * x[1]; ++plane)
    for (Index oy = 0; oy < y[2]; ++oy)
      for (Index ox = 0; ox < y[3]; ++ox)
        *target++ = static_cast<float>(
            pool_window(pool, in[0]->as<float>() + plane * x[2] * x[3], x[2], x[3], oy, ox));
}

void evaluate(const GlobalAveragePool&, Inputs in, Outputs out) {
  const Shape& x = in[0]->shape();
  const Pool whole{.kind = Pool::Kind::average, .kernel = {x[2], x[3]}};
  evaluate(whole, in, out);
}

void evaluate(const Upsample& upsample, Inputs in, Outputs out) {
  const Shape &x = in[0]->shape(), &y = out[0].shape();
  float* target = out[0].as<float>();
  for (Index plane = 0; plane < x[0] * x[1]; ++plane) {
    const float* source = in[0]->as<float>() + plane * x[2] * x[3];
    for (Index oy = 0; oy < y[2]; ++oy) {
      const Sample v = sample(upsample.kind, oy, upsample.factor[0], x[2]);
      for (Index ox = 0; ox < y[3]; ++ox) {
        const Sample h = sample(upsample.kind, ox, upsample.factor[1], x[3]);
        const auto blend = [&](Index row) {
          return source[row * x[3] + h.first] * (1.0 - h.weight) + source[row * x[3] + h.second] * h.weight;
        };
        *target++ = static_cast<float>(blend(v.first) * (1.0 - v.weight) + blend(v.second) * v.weight);
      }
    }
  }
}

}  // namespace peregrine::graph::reference
