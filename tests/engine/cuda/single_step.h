// One step of a plan with random data, for the tests of kernels: views with strides and offsets, outputs that
// start as NaN.
#pragma once

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/half.h"
#include "engine/cuda/plan/plan.h"

namespace peregrine::cuda {

/// A plan of one step whose tensors are bindings and weights.
class SingleStep {
 public:
  explicit SingleStep(DType dtype) : dtype_(dtype) {
    plan_.precision = dtype == DType::f16 ? Precision::fp16 : Precision::fp32;
  }

  /// A channels-last map inside pixels of `c + extra` channels, starting at channel `extra / 2`.
  TensorRef map(const Shape& nchw, bool is_input, std::int64_t extra = 0) {
    const std::int64_t pixel = nchw[1] + extra;
    TensorRef tensor{.buffer = {},
                     .dtype = dtype_,
                     .offset = extra / 16 * 8,
                     .shape = nchw,
                     .strides = {nchw[2] * nchw[3] * pixel, 1, nchw[3] * pixel, pixel}};
    return bind(std::move(tensor), nchw[0] * nchw[2] * nchw[3] * pixel, is_input);
  }
  TensorRef input(const Shape& nchw, std::int64_t extra = 0) { return map(nchw, true, extra); }
  TensorRef output(const Shape& nchw, std::int64_t extra = 0) { return map(nchw, false, extra); }
  TensorRef dense(const Shape& shape, bool is_input) {
    return bind({.buffer = {}, .dtype = dtype_, .offset = 0, .shape = shape, .strides = dense_strides(shape)},
                shape.elements(), is_input);
  }

  /// [K,C,kh,kw], stored K,kh,kw,C.
  TensorRef conv_weight(const Shape& s) {
    return weight(s, {s[1] * s[2] * s[3], 1, s[1] * s[3], s[1]}, dtype_, s[1] * s[2] * s[3]);
  }
  /// [C,1,kh,kw], stored kh,kw,C.
  TensorRef depthwise_weight(const Shape& s) {
    return weight(s, {1, 1, s[3] * s[0], s[0]}, dtype_, s[2] * s[3]);
  }
  /// [C,K,kh,kw], stored kh,kw,K,C.
  TensorRef transposed_weight(const Shape& s) {
    return weight(s, {1, s[0], s[3] * s[1] * s[0], s[1] * s[0]}, dtype_, s[0]);
  }
  TensorRef matrix(const Shape& s) { return weight(s, dense_strides(s), dtype_, s[1]); }
  TensorRef vector(std::int64_t n) { return weight({n}, {1}, DType::f32, 1); }
  /// The same numbers as `bias` in FP16; absent in FP32 plans.
  TensorRef rounded(const TensorRef& bias) {
    if (dtype_ == DType::f32) return {};
    TensorRef copy = weight(bias.shape, {1}, DType::f16, 1);
    const auto* from =
        reinterpret_cast<const float*>(plan_.weights.data() + plan_.buffer(bias.buffer).offset);
    auto* to = reinterpret_cast<Half*>(plan_.weights.data() + plan_.buffer(copy.buffer).offset);
    for (std::int64_t i = 0; i < bias.shape[0]; ++i) to[i] = to_half(from[i]);
    return copy;
  }
  /// FP32 scratch.
  TensorRef scratch(const Shape& shape) {
    TensorRef tensor{
        .buffer = next(), .dtype = DType::f32, .offset = 0, .shape = shape, .strides = dense_strides(shape)};
    const std::int64_t bytes = shape.elements() * 4;
    plan_.buffers.push_back({.place = Buffer::Place::arena,
                             .bytes = bytes,
                             .offset = plan_.arena_bytes,
                             .binding = -1,
                             .name = "scratch"});
    plan_.arena_bytes += (bytes + 255) / 256 * 256;
    return tensor;
  }

  ExecutionPlan plan(Operation operation) {
    plan_.steps.push_back({.name = "step",
                           .nodes = {"step"},
                           .operation = std::move(operation),
                           .stream_index = 0,
                           .dependencies = {},
                           .tactic = {}});
    return std::move(plan_);
  }

 private:
  BufferId next() const { return static_cast<BufferId>(plan_.buffers.size()); }

  TensorRef bind(TensorRef tensor, std::int64_t elements, bool is_input) {
    tensor.buffer = next();
    plan_.buffers.push_back({.place = Buffer::Place::binding,
                             .bytes = elements * static_cast<std::int64_t>(size_of(tensor.dtype)),
                             .offset = 0,
                             .binding = static_cast<std::int32_t>(plan_.bindings.size()),
                             .name = {}});
    plan_.bindings.push_back({"tensor" + std::to_string(plan_.bindings.size()), is_input, tensor});
    return tensor;
  }

  TensorRef weight(const Shape& shape, const Strides& strides, DType dtype, std::int64_t fan_in) {
    TensorRef tensor{.buffer = next(), .dtype = dtype, .offset = 0, .shape = shape, .strides = strides};
    const std::size_t offset = plan_.weights.size(),
                      bytes = static_cast<std::size_t>(shape.elements()) * size_of(dtype);
    plan_.weights.resize((offset + bytes + 255) / 256 * 256);
    std::uniform_real_distribution<float> values(-1, 1);
    const float scale = 1.5f / std::sqrt(static_cast<float>(fan_in));
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
      const float value = values(random_) * scale;
      if (dtype == DType::f32)
        reinterpret_cast<float*>(plan_.weights.data() + offset)[i] = value;
      else
        reinterpret_cast<Half*>(plan_.weights.data() + offset)[i] = to_half(value);
    }
    plan_.buffers.push_back({.place = Buffer::Place::weights,
                             .bytes = static_cast<std::int64_t>(bytes),
                             .offset = static_cast<std::int64_t>(offset),
                             .binding = -1,
                             .name = {}});
    return tensor;
  }

  DType dtype_;
  ExecutionPlan plan_;
  std::mt19937 random_{7};
};

struct Case {
  std::string name;
  std::function<Operation(SingleStep&)> make;
};

struct ConvShape {
  std::int64_t n, c, h, w, k, kernel, stride = 1, groups = 1, dilation = 1;
  Activation activation = Activation::silu;
  bool bias = true;
  int residual = 0;  ///< 1: after the activation, 2: before it, 3: before it, of half the height and width
  std::int64_t extra = 0;  ///< channels beside those of each map
};

inline Case conv(std::string name, const ConvShape& s) {
  return {std::move(name), [s](SingleStep& step) -> Operation {
            const std::int64_t pad = s.dilation * (s.kernel / 2);
            const auto out = [&](std::int64_t size) {
              return (size + 2 * pad - s.dilation * (s.kernel - 1) - 1) / s.stride + 1;
            };
            const Shape result{s.n, s.k, out(s.h), out(s.w)};
            Conv conv{.x = step.input({s.n, s.c, s.h, s.w}, s.extra),
                      .weight = step.conv_weight({s.k, s.c / s.groups, s.kernel, s.kernel}),
                      .y = step.output(result, s.extra),
                      .bias = {},
                      .bias_f16 = {},
                      .residual = {}};
            if (s.bias) conv.bias = step.vector(s.k), conv.bias_f16 = step.rounded(conv.bias);
            const Shape half{s.n, s.k, result[2] / 2, result[3] / 2};
            if (s.residual) conv.residual = step.input(s.residual == 3 ? half : result, s.extra);
            conv.residual_place =
                s.residual == 1 ? ResidualPlace::after_activation : ResidualPlace::before_activation;
            conv.stride = {s.stride, s.stride}, conv.dilation = {s.dilation, s.dilation};
            conv.pad = {pad, pad, pad, pad}, conv.groups = s.groups, conv.activation = s.activation;
            return conv;
          }};
}

}  // namespace peregrine::cuda
