// Operators that scale by statistics: given ones, or those of the data.
#include <algorithm>
#include <cmath>

#include "graph/reference/kernels.h"

namespace peregrine::graph::reference {

namespace {

using Index = std::int64_t;

/// A tensor seen as outer x axis x inner (axis negative: from the end).
struct AxisView {
  AxisView(const Shape& shape, Index axis) {
    const auto at = static_cast<std::size_t>(axis < 0 ? axis + static_cast<Index>(shape.rank()) : axis);
    for (std::size_t d = 0; d < shape.rank(); ++d) (d < at ? outer : d == at ? extent : inner) *= shape[d];
  }
  Index outer = 1, extent = 1, inner = 1;
};

/// One channel of one image at a time: evaluate_plane(plane, elements, channel, target).
template <class EvaluatePlane>
void for_each_plane(const HostTensor& x, HostTensor& y, EvaluatePlane&& evaluate_plane) {
  const AxisView view(x.shape(), 1);
  for (Index n = 0; n < view.outer; ++n)
    for (Index c = 0; c < view.extent; ++c) {
      const Index offset = (n * view.extent + c) * view.inner;
      evaluate_plane(x.as<float>() + offset, view.inner, c, y.as<float>() + offset);
    }
}

void normalise(const float* plane, Index count, double mean, double variance, double epsilon, double scale,
               double shift, float* y) {
  const double factor = scale / std::sqrt(variance + epsilon);
  std::transform(plane, plane + count, y,
                 [&](float v) { return static_cast<float>((v - mean) * factor + shift); });
}

}  // namespace

void evaluate(const BatchNorm& norm, Inputs in, Outputs out) {
  const auto parameter = [&](std::size_t i, Index c) { return in[i]->as<float>()[c]; };
  for_each_plane(*in[0], out[0], [&](const float* plane, Index count, Index c, float* y) {
    normalise(plane, count, parameter(3, c), parameter(4, c), norm.epsilon, parameter(1, c), parameter(2, c),
              y);
  });
}

void evaluate(const InstanceNorm& norm, Inputs in, Outputs out) {
  for_each_plane(*in[0], out[0], [&](const float* plane, Index count, Index c, float* y) {
    double mean = 0, variance = 0;
    for (Index i = 0; i < count; ++i) mean += plane[i];
    mean /= static_cast<double>(count);
    for (Index i = 0; i < count; ++i) variance += (plane[i] - mean) * (plane[i] - mean);
    variance /= static_cast<double>(count);
    normalise(plane, count, mean, variance, norm.epsilon, in[1]->as<float>()[c], in[2]->as<float>()[c], y);
  });
}

void evaluate(const Softmax& softmax, Inputs in, Outputs out) {
  const AxisView view(in[0]->shape(), softmax.axis);
  for (Index o = 0; o < view.outer; ++o)
    for (Index i = 0; i < view.inner; ++i) {
      const Index first = o * view.extent * view.inner + i;
      const auto x = [&](Index e) { return static_cast<double>(in[0]->as<float>()[first + e * view.inner]); };
      double largest = x(0), sum = 0;
      for (Index e = 1; e < view.extent; ++e) largest = std::max(largest, x(e));
      for (Index e = 0; e < view.extent; ++e) sum += std::exp(x(e) - largest);
      for (Index e = 0; e < view.extent; ++e)
        out[0].as<float>()[first + e * view.inner] = static_cast<float>(std::exp(x(e) - largest) / sum);
    }
}

}  // namespace peregrine::graph::reference
