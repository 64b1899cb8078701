// Convolution: nearly all of the executor's time. Rows of outputs are computed on all cores, a few filters
// and pixels at a time in registers. The order of each sum is that of the plain loop: channel, then row, then
// column of the kernel.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <future>
#include <thread>
#include <vector>

#include "graph/reference/kernels.h"

namespace peregrine::graph::reference {

namespace {

using Index = std::int64_t;

/// Two doubles, as every x86-64 and ARM CPU has registers for them.
using Lanes = double __attribute__((vector_size(16)));
/// Pixels of a row that are summed up together, in two of them.
constexpr Index pixels = 4;

Index whole_steps(Index width) { return (width + pixels - 1) / pixels * pixels; }

Lanes load(const double* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

/// target[f * plane + o] = bias[f] + sum over t of weights[f * taps + t] * seen[t * stride + o], for
/// `Filters` filters.
template <Index Filters>
void sum_up(const float* weights, Index taps, const double* seen, Index stride, const float* bias,
            float* target, Index plane, Index width) {
  for (Index o = 0; o < width; o += pixels) {
    std::array<std::array<Lanes, 2>, Filters> sums;
    for (Index f = 0; f < Filters; ++f) {
      const double start = bias ? static_cast<double>(bias[f]) : 0.0;
      sums[f] = {Lanes{start, start}, Lanes{start, start}};
    }
    for (Index t = 0; t < taps; ++t) {
      const Lanes left = load(seen + t * stride + o), right = load(seen + t * stride + o + 2);
      for (Index f = 0; f < Filters; ++f) {
        const auto weight = static_cast<double>(weights[f * taps + t]);
        sums[f][0] += weight * left;
        sums[f][1] += weight * right;
      }
    }
    for (Index f = 0; f < Filters; ++f)
      for (Index i = 0; i < std::min(pixels, width - o); ++i)
        target[f * plane + o + i] = static_cast<float>(sums[f][static_cast<std::size_t>(i / 2)][i % 2]);
  }
}

/// One row of outputs of one image: what its filters see, and their sums.
class Row {
 public:
  Row(const Conv& conv, Inputs in, HostTensor& out)
      : conv_(conv),
        x_(*in[0]),
        w_(*in[1]),
        bias_(in.size() > 2 ? in[2]->as<float>() : nullptr),
        y_(out),
        stride_(whole_steps(out.shape()[3])),
        taps_(w_.shape()[1] * w_.shape()[2] * w_.shape()[3]),
        seen_(static_cast<std::size_t>(taps_ * stride_)) {}

  void compute(Index image, Index oy) {
    const Shape& y = y_.shape();
    const Index filters = y[1] / conv_.groups, plane = y[2] * y[3];
    for (Index group = 0; group < conv_.groups; ++group) {
      look(image, group, oy);
      for (Index k = group * filters, end = k + filters; k < end;) {
        const float *weights = w_.as<float>() + k * taps_, *bias = bias_ ? bias_ + k : nullptr;
        float* target = y_.as<float>() + ((image * y[1] + k) * y[2] + oy) * y[3];
        if (end - k >= 4) {
          sum_up<4>(weights, taps_, seen_.data(), stride_, bias, target, plane, y[3]);
          k += 4;
        } else {
          sum_up<1>(weights, taps_, seen_.data(), stride_, bias, target, plane, y[3]);
          ++k;
        }
      }
    }
  }

 private:
  /// Fills in what each tap of the kernel meets along the row: the padding's zeros, too.
  void look(Index image, Index group, Index oy) {
    const Shape &x = x_.shape(), &w = w_.shape();
    double* seen = seen_.data();
    for (Index c = 0; c < w[1]; ++c) {
      const float* plane = x_.as<float>() + (image * x[1] + group * w[1] + c) * x[2] * x[3];
      for (Index ky = 0; ky < w[2]; ++ky) {
        const Index iy = oy * conv_.stride[0] + ky * conv_.dilation[0] - conv_.pad[0];
        const bool inside = iy >= 0 && iy < x[2];
        for (Index kx = 0; kx < w[3]; ++kx, seen += stride_) {
          Index ix = kx * conv_.dilation[1] - conv_.pad[1];
          for (Index o = 0; o < y_.shape()[3]; ++o, ix += conv_.stride[1])
            seen[o] = inside && ix >= 0 && ix < x[3] ? static_cast<double>(plane[iy * x[3] + ix]) : 0.0;
        }
      }
    }
  }

  const Conv& conv_;
  const HostTensor &x_, &w_;
  const float* bias_;
  HostTensor& y_;
  Index stride_, taps_;       ///< of seen_, which has a line a tap
  std::vector<double> seen_;  ///< lines end with zeros up to whole steps
};

}  // namespace

void evaluate(const Conv& conv, Inputs in, Outputs out) {
  const Shape& y = out[0].shape();
  std::atomic<Index> next{0};
  const auto work = [&] {
    Row row(conv, in, out[0]);
    for (Index i = next++; i < y[0] * y[2]; i = next++) row.compute(i / y[2], i % y[2]);
  };
  std::vector<std::future<void>> helpers(std::max(std::thread::hardware_concurrency(), 1u) - 1);
  for (auto& helper : helpers) helper = std::async(std::launch::async, work);
  work();
  for (auto& helper : helpers) helper.get();
}

}  // namespace peregrine::graph::reference
