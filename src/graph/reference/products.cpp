// Transposed convolutions and GEMMs.
#include <algorithm>
#include <vector>

#include "graph/reference/kernels.h"

namespace peregrine::graph::reference {

namespace {

using Index = std::int64_t;

float bias_of(Inputs in, Index channel) { return in.size() > 2 ? in[2]->as<float>()[channel] : 0.0f; }

}  // namespace

void evaluate(const ConvTranspose& conv, Inputs in, Outputs out) {
  const Shape &x = in[0]->shape(), &w = in[1]->shape(), &y = out[0].shape();
  const Index channels = x[1] / conv.groups, filters_a_group = w[1];
  std::vector<double> sums(static_cast<std::size_t>(y[2] * y[3]));
  for (Index n = 0; n < y[0]; ++n)
    for (Index k = 0; k < y[1]; ++k) {
      std::ranges::fill(sums, static_cast<double>(bias_of(in, k)));
      const Index group = k / filters_a_group;
      for (Index c = group * channels; c < (group + 1) * channels; ++c) {
        const float* plane = in[0]->as<float>() + (n * x[1] + c) * x[2] * x[3];
        const float* weights = in[1]->as<float>() + (c * filters_a_group + k % filters_a_group) * w[2] * w[3];
        for (Index iy = 0; iy < x[2]; ++iy)
          for (Index ix = 0; ix < x[3]; ++ix)
            for (Index ky = 0; ky < w[2]; ++ky)
              for (Index kx = 0; kx < w[3]; ++kx) {
                const Index oy = iy * conv.stride[0] + ky - conv.pad[0],
                            ox = ix * conv.stride[1] + kx - conv.pad[1];
                if (oy < 0 || oy >= y[2] || ox < 0 || ox >= y[3]) continue;
                sums[static_cast<std::size_t>(oy * y[3] + ox)] +=
                    static_cast<double>(plane[iy * x[3] + ix]) * weights[ky * w[3] + kx];
              }
      }
      std::ranges::copy(sums, out[0].as<float>() + (n * y[1] + k) * y[2] * y[3]);
    }
}

void evaluate(const Linear&, Inputs in, Outputs out) {
  const Shape& w = in[1]->shape();
  float* target = out[0].as<float>();
  for (Index n = 0; n < in[0]->shape()[0]; ++n)
    for (Index k = 0; k < w[0]; ++k) {
      double sum = bias_of(in, k);
      for (Index c = 0; c < w[1]; ++c)
        sum += static_cast<double>(in[0]->as<float>()[n * w[1] + c]) * in[1]->as<float>()[k * w[1] + c];
      *target++ = static_cast<float>(sum);
    }
}

void evaluate(const MatMul&, Inputs in, Outputs out) {
  const Shape& y = out[0].shape();
  const std::size_t rank = y.rank();
  const Index rows = y[rank - 2], columns = y[rank - 1], inner = in[0]->shape()[rank - 1];
  std::vector<double> sums(static_cast<std::size_t>(columns));
  float* target = out[0].as<float>();
  const float *a = in[0]->as<float>(), *b = in[1]->as<float>();
  for (Index matrix = 0; matrix < y.elements() / (rows * columns); ++matrix, b += inner * columns)
    for (Index row = 0; row < rows; ++row, a += inner, target += columns) {
      std::ranges::fill(sums, 0.0);
      for (Index i = 0; i < inner; ++i)
        std::transform(
            sums.begin(), sums.end(), b + i * columns, sums.begin(),
            [weight = static_cast<double>(a[i])](double sum, float value) { return sum + weight * value; });
      std::ranges::copy(sums, target);
    }
}

}  // namespace peregrine::graph::reference
