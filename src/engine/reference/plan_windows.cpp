// Steps that move a window over a map: convolutions, pooling, upsampling.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/half.h"
#include "engine/reference/plan_arithmetic.h"
#include "engine/reference/plan_executor.h"

namespace peregrine::reference {
namespace {

using cuda::TensorRef;

struct TapWindow {
  graph::Pair stride{1, 1}, dilation{1, 1};
  std::array<Index, 4> pad{};
};

/// Calls tap(kernel row, kernel column, index of the pixel of x) for the taps of one output pixel that lie
/// inside.
template <class F>
void for_each_tap(const Shape& x, Index n, Index row, Index column, Index kernel_rows, Index kernel_columns,
                  const TapWindow& window, F&& tap) {
  for (Index i = 0; i < kernel_rows; ++i)
    for (Index j = 0; j < kernel_columns; ++j) {
      const Index h = row * window.stride[0] - window.pad[0] + i * window.dilation[0];
      const Index w = column * window.stride[1] - window.pad[1] + j * window.dilation[1];
      if (h >= 0 && h < x[2] && w >= 0 && w < x[3]) tap(i, j, (n * x[2] + h) * x[3] + w);
    }
}

template <class F>
void for_each_pixel(const Shape& y, F&& visit) {
  Index pixel = 0;
  for (Index n = 0; n < y[0]; ++n)
    for (Index h = 0; h < y[2]; ++h)
      for (Index w = 0; w < y[3]; ++w) visit(n, h, w, pixel++);
}

/// The end of a convolution for one pixel of `channels` sums.
template <class Step>
void finish(const Step& step, float* sums, Index channels, const Values& bias, const float* residual) {
  for (Index k = 0; k < channels; ++k) {
    float value = sums[k] + (bias.empty() ? 0 : bias[at(k)]);
    const bool before = step.residual_place == cuda::ResidualPlace::before_activation;
    if (residual && before) value += residual[k];
    value = activate(step.activation, value);
    if (residual && !before) value += residual[k];
    sums[k] = value;
  }
}
}  // namespace

void PlanExecutor::run(const cuda::Conv& step) {
  const Shape &x_shape = step.x.shape, &y_shape = step.y.shape, &w_shape = step.weight.shape;
  const Values x = load(pixels(step.x)), bias = load_optional(step.bias);
  const Values residual = step.residual ? load(pixels(step.residual)) : Values{};
  // [kh,kw,C,K]: a row of outputs for one input
  const Values weight = load(cuda::transposed(step.weight, std::array<Index, 4>{2, 3, 1, 0}));
  const Index channels = y_shape[1], in_group = w_shape[1], out_group = channels / step.groups;
  Values y(at(y_shape.elements()));
  for_each_pixel(y_shape, [&](Index n, Index h, Index w, Index pixel) {
    float* sums = &y[at(pixel * channels)];
    for_each_tap(x_shape, n, h, w, w_shape[2], w_shape[3], {step.stride, step.dilation, step.pad},
                 [&](Index i, Index j, Index from) {
                   const float* rows = &weight[at((i * w_shape[3] + j) * in_group * channels)];
                   for (Index g = 0; g < step.groups; ++g)
                     for (Index c = 0; c < in_group; ++c) {
                       const float value = x[at(from * x_shape[1] + g * in_group + c)];
                       const float* row = rows + c * channels + g * out_group;
                       for (Index k = 0; k < out_group; ++k) sums[g * out_group + k] += value * row[k];
                     }
                 });
    const Index half = (n * (y_shape[2] / 2) + h / 2) * (y_shape[3] / 2) + w / 2;
    const Index added = cuda::is_half_resolution(step.residual, step.y) ? half : pixel;
    finish(step, sums, channels, bias, residual.empty() ? nullptr : &residual[at(added * channels)]);
  });
  store(pixels(step.y), y);
}

void PlanExecutor::run(const cuda::Depthwise& step) {
  const Shape &x_shape = step.x.shape, &y_shape = step.y.shape, &w_shape = step.weight.shape;
  const Values x = load(pixels(step.x)), bias = load_optional(step.bias);
  const Values residual = step.residual ? load(pixels(step.residual)) : Values{};
  const Values weight = load(cuda::transposed(step.weight, std::array<Index, 4>{2, 3, 0, 1}));
  const Index channels = y_shape[1];
  Values y(at(y_shape.elements()));
  for_each_pixel(y_shape, [&](Index n, Index h, Index w, Index pixel) {
    float* sums = &y[at(pixel * channels)];
    for_each_tap(x_shape, n, h, w, w_shape[2], w_shape[3], {step.stride, step.dilation, step.pad},
                 [&](Index i, Index j, Index from) {
                   for (Index c = 0; c < channels; ++c)
                     sums[c] += x[at(from * channels + c)] * weight[at((i * w_shape[3] + j) * channels + c)];
                 });
    finish(step, sums, channels, bias, residual.empty() ? nullptr : &residual[at(pixel * channels)]);
  });
  store(pixels(step.y), y);
}

/// The hidden map is rounded to the step's type as if it had been stored.
void PlanExecutor::run(const cuda::Bottleneck& step) {
  const Values x = load(pixels(step.x)), bias1 = load_optional(step.bias1), bias2 = load_optional(step.bias2);
  const std::array<Index, 4> order{2, 3, 1, 0};
  const Values weight1 = load(cuda::transposed(step.weight1, order)),
               weight2 = load(cuda::transposed(step.weight2, order));
  const auto convolve = [&](const Values& from, Index in, const Values& weight, const Values& bias,
                            Index out) {
    Values to(at(step.x.shape.elements() / step.x.shape[1] * out));
    for_each_pixel(step.x.shape, [&](Index n, Index h, Index w, Index pixel) {
      float* sums = &to[at(pixel * out)];
      for_each_tap(step.x.shape, n, h, w, 3, 3, {{1, 1}, {1, 1}, {1, 1, 1, 1}},
                   [&](Index i, Index j, Index tap) {
                     for (Index c = 0; c < in; ++c)
                       for (Index k = 0; k < out; ++k)
                         sums[k] += from[at(tap * in + c)] * weight[at(((i * 3 + j) * in + c) * out + k)];
                   });
      for (Index k = 0; k < out; ++k)
        sums[k] = activate(step.activation, sums[k] + (bias.empty() ? 0 : bias[at(k)]));
    });
    return to;
  };
  const Index channels = step.x.shape[1], hidden = step.weight1.shape[0];
  Values middle = convolve(x, channels, weight1, bias1, hidden);
  if (step.x.dtype == DType::f16)
    for (float& value : middle) value = to_float(to_half(value));
  Values y = convolve(middle, hidden, weight2, bias2, channels);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += x[i];
  store(pixels(step.y), y);
}

/// Likewise.
void PlanExecutor::run(const cuda::DepthwisePointwise& step) {
  const Values x = load(pixels(step.x)), bias1 = load_optional(step.bias1), bias2 = load_optional(step.bias2);
  const Values weight1 = load(cuda::transposed(step.weight1, std::array<Index, 4>{2, 3, 0, 1}));
  const Values weight2 = load(cuda::transposed(step.weight2, std::array<Index, 4>{2, 3, 1, 0}));
  const Index in = step.x.shape[1], out = step.y.shape[1];
  Values y(at(step.y.shape.elements())), middle(at(in));
  for_each_pixel(step.x.shape, [&](Index n, Index h, Index w, Index pixel) {
    std::ranges::fill(middle, 0.0f);
    for_each_tap(step.x.shape, n, h, w, 3, 3, {{1, 1}, {1, 1}, {1, 1, 1, 1}},
                 [&](Index i, Index j, Index tap) {
                   for (Index c = 0; c < in; ++c)
                     middle[at(c)] += x[at(tap * in + c)] * weight1[at((i * 3 + j) * in + c)];
                 });
    float* sums = &y[at(pixel * out)];
    for (Index c = 0; c < in; ++c) {
      float value = activate(step.activation1, middle[at(c)] + (bias1.empty() ? 0 : bias1[at(c)]));
      if (step.x.dtype == DType::f16) value = to_float(to_half(value));
      for (Index k = 0; k < out; ++k) sums[k] += value * weight2[at(c * out + k)];
    }
    for (Index k = 0; k < out; ++k)
      sums[k] = activate(step.activation2, sums[k] + (bias2.empty() ? 0 : bias2[at(k)]));
  });
  store(pixels(step.y), y);
}

void PlanExecutor::run(const cuda::ConvTranspose& step) {
  const Shape &y_shape = step.y.shape, &w_shape = step.weight.shape;
  const Values x = load(pixels(step.x)), bias = load_optional(step.bias);
  const Values weight = load(cuda::transposed(step.weight, std::array<Index, 4>{2, 3, 0, 1}));  // [kh,kw,C,K]
  const Index in = w_shape[0], out = w_shape[1];
  Values y(at(y_shape.elements()));
  for_each_pixel(y_shape, [&](Index n, Index h, Index w, Index pixel) {
    float* sums = &y[at(pixel * out)];
    const Index from = (n * step.x.shape[2] + h / w_shape[2]) * step.x.shape[3] + w / w_shape[3];
    const Index tap = h % w_shape[2] * w_shape[3] + w % w_shape[3];
    for (Index c = 0; c < in; ++c)
      for (Index k = 0; k < out; ++k) sums[k] += x[at(from * in + c)] * weight[at((tap * in + c) * out + k)];
    for (Index k = 0; k < out; ++k)
      sums[k] = activate(step.activation, sums[k] + (bias.empty() ? 0 : bias[at(k)]));
  });
  store(pixels(step.y), y);
}

void PlanExecutor::run(const cuda::Pool& step) {
  const Values x = load(pixels(step.x));
  const Index channels = step.y.shape[1];
  const bool max = step.kind == graph::Pool::Kind::max;
  Values y(at(step.y.shape.elements()), max ? -std::numeric_limits<float>::infinity() : 0);
  for_each_pixel(step.y.shape, [&](Index n, Index h, Index w, Index pixel) {
    Index taps = 0;
    float* out = &y[at(pixel * channels)];
    for_each_tap(step.x.shape, n, h, w, step.kernel[0], step.kernel[1], {step.stride, {1, 1}, step.pad},
                 [&](Index, Index, Index from) {
                   ++taps;
                   for (Index c = 0; c < channels; ++c) {
                     const float value = x[at(from * channels + c)];
                     out[c] = !max || std::isnan(value) ? out[c] + value : std::max(out[c], value);
                   }
                 });
    if (max) return;
    const auto divisor = static_cast<float>(step.count_padding ? step.kernel[0] * step.kernel[1] : taps);
    for (Index c = 0; c < channels; ++c) out[c] /= divisor;
  });
  store(pixels(step.y), y);
}

void PlanExecutor::run(const cuda::PoolChain& step) {
  const Index half = step.kernel / 2;
  TensorRef from = step.x;
  for (const TensorRef& to : step.y) {
    run(cuda::Pool{from,
                   to,
                   graph::Pool::Kind::max,
                   {step.kernel, step.kernel},
                   {1, 1},
                   {half, half, half, half},
                   false});
    from = to;
  }
}

void PlanExecutor::run(const cuda::Upsample& step) {
  const Values x = load(pixels(step.x));
  const Shape &from = step.x.shape, &to = step.y.shape;
  const Index channels = to[1];
  Values y(at(to.elements()));
  // Two neighbours an axis and the share of the second; nearest has one neighbour.
  const auto neighbours = [&](Index i, std::size_t axis, Index& first, Index& second) {
    const double factor = static_cast<double>(step.factor[axis]);
    first = second = i / step.factor[axis];
    if (step.kind == graph::Upsample::Kind::nearest) return 0.0f;
    const double source = std::max((static_cast<double>(i) + 0.5) / factor - 0.5, 0.0);
    first = static_cast<Index>(source);
    second = std::min(first + 1, from[axis + 2] - 1);
    return static_cast<float>(source - static_cast<double>(first));
  };
  for_each_pixel(to, [&](Index n, Index h, Index w, Index pixel) {
    Index h0 = 0, h1 = 0, w0 = 0, w1 = 0;
    const float fh = neighbours(h, 0, h0, h1), fw = neighbours(w, 1, w0, w1);
    for (Index c = 0; c < channels; ++c) {
      const auto value = [&](Index i, Index j) {
        return x[at(((n * from[2] + i) * from[3] + j) * channels + c)];
      };
      const float top = value(h0, w0) * (1 - fw) + value(h0, w1) * fw,
                  bottom = value(h1, w0) * (1 - fw) + value(h1, w1) * fw;
      y[at(pixel * channels + c)] = top * (1 - fh) + bottom * fh;
    }
  });
  store(pixels(step.y), y);
}

}  // namespace peregrine::reference
