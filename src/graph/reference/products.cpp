// Convolutions and matrix products.
#include <algorithm>
#include <vector>

#include "graph/reference/kernels.h"

namespace peregrine::graph::reference {

namespace {

using Index = std::int64_t;

/// One axis of a convolution. Output positions o with 0 <= o * stride + offset < extent, for an output of `size`.
struct Range {
  Index begin, end;
};
Range positions_inside(Index size, Index stride, Index offset, Index extent) {
  const Index first = offset < 0 ? (-offset + stride - 1) / stride : 0;
  const Index last = extent - 1 - offset;  // o * stride may reach this
  return {std::min(first, size), last < 0 ? 0 : std::min(size, last / stride + 1)};
}

float bias_of(Inputs in, Index channel) { return in.size() > 2 ? in[2]->as<float>()[channel] : 0.0f; }

/// sums[o] += weight * row[o * stride] for o in the range.
void accumulate(double* sums, Range range, const float* row, Index stride, double weight) {
  for (Index o = range.begin; o < range.end; ++o) sums[o] += weight * static_cast<double>(row[o * stride]);
}

}  // namespace

void evaluate(const Conv& conv, Inputs in, Outputs out) {
  const Shape &x = in[0]->shape(), &w = in[1]->shape(), &y = out[0].shape();
  const Index channels = w[1], filters_a_group = w[0] / conv.groups;
  std::vector<double> sums(static_cast<std::size_t>(y[3]));
  float* target = out[0].as<float>();
  for (Index n = 0; n < y[0]; ++n)
    for (Index k = 0; k < y[1]; ++k)
      for (Index oy = 0; oy < y[2]; ++oy, target += y[3]) {
        std::ranges::fill(sums, static_cast<double>(bias_of(in, k)));
        for (Index c = 0; c < channels; ++c) {
          const float* plane = in[0]->as<float>() + (n * x[1] + k / filters_a_group * channels + c) * x[2] * x[3];
          const float* weights = in[1]->as<float>() + (k * channels + c) * w[2] * w[3];
          for (Index ky = 0; ky < w[2]; ++ky) {
            const Index iy = oy * conv.stride[0] + ky * conv.dilation[0] - conv.pad[0];
            if (iy < 0 || iy >= x[2]) continue;
            for (Index kx = 0; kx < w[3]; ++kx) {
              const Index offset = kx * conv.dilation[1] - conv.pad[1];
              accumulate(sums.data(), positions_inside(y[3], conv.stride[1], offset, x[3]), plane + iy * x[3] + offset,
                         conv.stride[1], weights[ky * w[3] + kx]);
            }
          }
        }
        std::ranges::copy(sums, target);
      }
}

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
                const Index oy = iy * conv.stride[0] + ky - conv.pad[0], ox = ix * conv.stride[1] + kx - conv.pad[1];
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
      for (Index i = 0; i < inner; ++i) accumulate(sums.data(), {0, columns}, b + i * columns, 1, a[i]);
      std::ranges::copy(sums, target);
    }
}

}  // namespace peregrine::graph::reference
