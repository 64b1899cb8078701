// Every kernel provider against the plan's CPU executor. A case is a step's operation over tensors that
// SingleStep lays out.
#include <gtest/gtest.h>

#include "kernel_check.h"

namespace peregrine::cuda {

namespace {

Case depthwise(std::string name, std::int64_t channels, std::int64_t kernel, std::int64_t stride,
               bool residual, std::int64_t extra = 0) {
  return {std::move(name), [=](SingleStep& step) -> Operation {
            const std::int64_t h = 13, w = 18, pad = kernel / 2;
            const auto out = [&](std::int64_t size) { return (size + 2 * pad - kernel) / stride + 1; };
            Depthwise conv{.x = step.input({2, channels, h, w}, extra),
                           .weight = step.depthwise_weight({channels, 1, kernel, kernel}),
                           .y = step.output({2, channels, out(h), out(w)}, extra),
                           .bias = step.vector(channels),
                           .bias_f16 = {},
                           .residual = {}};
            conv.bias_f16 = step.rounded(conv.bias);
            if (residual) conv.residual = step.input({2, channels, out(h), out(w)}, extra);
            conv.stride = {stride, stride}, conv.pad = {pad, pad, pad, pad};
            conv.activation = residual ? Activation::none : Activation::silu;
            return conv;
          }};
}

Case pool(std::string name, graph::Pool::Kind kind, std::int64_t kernel, std::int64_t stride,
          std::int64_t pad, bool count, std::int64_t channels) {
  return {std::move(name), [=](SingleStep& step) -> Operation {
            const auto out = [&](std::int64_t size) { return (size + 2 * pad - kernel) / stride + 1; };
            return Pool{.x = step.input({2, channels, 12, 15}, 16),
                        .y = step.output({2, channels, out(12), out(15)}, 16),
                        .kind = kind,
                        .kernel = {kernel, kernel},
                        .stride = {stride, stride},
                        .pad = {pad, pad, pad, pad},
                        .count_padding = count};
          }};
}

Case chain(std::string name, std::int64_t height, std::int64_t width) {
  return {std::move(name), [=](SingleStep& step) -> Operation {
            PoolChain chain{.x = step.input({2, 32, height, width}, 16), .y = {}};
            for (int i = 0; i < 3; ++i) chain.y.push_back(step.output({2, 32, height, width}, 16));
            return chain;
          }};
}

Case attention(std::string name, std::int64_t n, std::int64_t heads, std::int64_t key, std::int64_t value,
               std::int64_t tokens) {
  return {std::move(name), [=](SingleStep& step) -> Operation {
            const std::int64_t pixel = heads * (2 * key + value);
            const TensorRef all = step.input({n, pixel, 1, tokens});
            const auto part = [&](std::int64_t offset, std::int64_t dimension) {
              TensorRef part = all;
              part.offset = offset;
              part.shape = {n, heads, dimension, tokens};
              part.strides = {tokens * pixel, dimension, 1, pixel};
              return part;
            };
            TensorRef y = step.output({n, heads * value, 1, tokens});
            y.shape = {n, heads, value, tokens};
            y.strides = {tokens * heads * value, value, 1, heads * value};
            return Attention{.q = part(0, key),
                             .k = part(heads * key, key),
                             .v = part(2 * heads * key, value),
                             .y = y,
                             .scale = 1 / std::sqrt(static_cast<float>(key))};
          }};
}

std::vector<Case> cases() {
  using P = graph::Pool::Kind;
  std::vector<Case> all{
      conv("conv_1x1", {.n = 1, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 1}),
      conv("conv_1x1_slices", {.n = 2, .c = 48, .h = 13, .w = 11, .k = 80, .kernel = 1, .extra = 48}),
      conv("conv_1x1_linear",
           {.n = 1, .c = 64, .h = 20, .w = 20, .k = 80, .kernel = 1, .activation = Activation::none}),
      conv("conv_1x1_deep", {.n = 1, .c = 1024, .h = 20, .w = 20, .k = 128, .kernel = 1}),
      conv("conv_1x1_wide", {.n = 2, .c = 128, .h = 40, .w = 40, .k = 384, .kernel = 1}),
      conv("conv_3x3", {.n = 1, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 3}),
      conv("conv_3x3_residual",
           {.n = 2, .c = 32, .h = 17, .w = 23, .k = 32, .kernel = 3, .residual = 1, .extra = 16}),
      conv("conv_3x3_deep", {.n = 1, .c = 256, .h = 20, .w = 20, .k = 64, .kernel = 3}),
      conv("conv_3x3_half_residual",
           {.n = 2, .c = 32, .h = 18, .w = 22, .k = 32, .kernel = 3, .residual = 3, .extra = 16}),
      conv("conv_3x3_narrow", {.n = 1, .c = 8, .h = 40, .w = 40, .k = 16, .kernel = 3, .residual = 1}),
      conv("conv_3x3_to_8", {.n = 1, .c = 16, .h = 40, .w = 40, .k = 8, .kernel = 3}),
      conv("conv_3x3_strided", {.n = 2, .c = 32, .h = 33, .w = 31, .k = 48, .kernel = 3, .stride = 2}),
      conv("conv_3x3_dilated", {.n = 1, .c = 16, .h = 19, .w = 19, .k = 24, .kernel = 3, .dilation = 2}),
      conv("conv_3x3_batch", {.n = 5, .c = 64, .h = 40, .w = 40, .k = 128, .kernel = 3}),
      conv("conv_relu_before", {.n = 2,
                                .c = 64,
                                .h = 16,
                                .w = 8,
                                .k = 64,
                                .kernel = 1,
                                .activation = Activation::relu,
                                .residual = 2}),
      conv("conv_sigmoid",
           {.n = 1, .c = 32, .h = 9, .w = 9, .k = 32, .kernel = 1, .activation = Activation::sigmoid}),
      conv("conv_no_bias", {.n = 1, .c = 32, .h = 9, .w = 9, .k = 32, .kernel = 3, .bias = false}),
      conv("conv_groups", {.n = 1, .c = 32, .h = 12, .w = 12, .k = 48, .kernel = 3, .groups = 4}),
      conv("conv_odd_channels", {.n = 1, .c = 5, .h = 12, .w = 12, .k = 7, .kernel = 3}),
      conv("conv_one_pixel", {.n = 3, .c = 64, .h = 1, .w = 1, .k = 32, .kernel = 1}),
  };
  for (const std::int64_t channels : {16, 32, 48, 64, 80, 96})
    all.push_back(conv("stem_3x3_" + std::to_string(channels),
                       {.n = 2, .c = 4, .h = 37, .w = 141, .k = channels, .kernel = 3, .stride = 2}));
  for (const std::int64_t channels : {16, 32, 48, 64})
    all.push_back(conv("stem_7x7_" + std::to_string(channels), {.n = 2,
                                                                .c = 4,
                                                                .h = 36,
                                                                .w = 140,
                                                                .k = channels,
                                                                .kernel = 7,
                                                                .stride = 2,
                                                                .activation = Activation::relu}));
  all.insert(
      all.end(),
      {depthwise("depthwise_3x3", 64, 3, 1, false, 16), depthwise("depthwise_3x3_strided", 40, 3, 2, false),
       depthwise("depthwise_3x3_residual", 64, 3, 1, true), depthwise("depthwise_5x5", 16, 5, 1, false),
       depthwise("depthwise_odd", 13, 3, 1, false), depthwise("depthwise_80", 80, 3, 1, false, 80),
       depthwise("depthwise_192", 192, 3, 1, false, 64), depthwise("depthwise_24", 24, 3, 1, true, 8),
       pool("pool_max", P::max, 3, 2, 1, false, 32), pool("pool_average", P::average, 2, 2, 0, false, 32),
       pool("pool_average_padded", P::average, 3, 1, 1, false, 16),
       pool("pool_average_counted", P::average, 3, 1, 1, true, 16),
       pool("pool_odd", P::max, 5, 1, 2, false, 7), chain("chain_small", 9, 12), chain("chain_20", 20, 20),
       chain("chain_too_large", 80, 80), attention("attention_400", 1, 2, 32, 64, 400),
       attention("attention_batch", 3, 4, 32, 64, 100), attention("attention_odd", 1, 2, 24, 40, 37)});
  all.push_back({"transposed", [](SingleStep& step) -> Operation {
                   ConvTranspose conv{.x = step.input({2, 64, 10, 12}),
                                      .weight = step.transposed_weight({64, 48, 2, 2}),
                                      .y = step.output({2, 48, 20, 24}, 16),
                                      .bias = step.vector(48),
                                      .bias_f16 = {}};
                   conv.bias_f16 = step.rounded(conv.bias);
                   return conv;
                 }});
  for (const auto kind : {graph::Upsample::Kind::nearest, graph::Upsample::Kind::bilinear})
    all.push_back({kind == graph::Upsample::Kind::nearest ? "upsample_nearest" : "upsample_bilinear",
                   [kind](SingleStep& step) -> Operation {
                     return Upsample{.x = step.input({2, 24, 7, 9}),
                                     .y = step.output({2, 24, 14, 18}, 16),
                                     .kind = kind,
                                     .factor = {2, 2}};
                   }});
  all.push_back({"linear", [](SingleStep& step) -> Operation {
                   Linear linear{.x = step.dense({5, 96}, true),
                                 .weight = step.matrix({40, 96}),
                                 .y = step.dense({5, 40}, false),
                                 .bias = step.vector(40),
                                 .bias_f16 = {}};
                   linear.bias_f16 = step.rounded(linear.bias), linear.activation = Activation::relu;
                   return linear;
                 }});
  all.push_back({"gate", [](SingleStep& step) -> Operation {
                   GatedSum gate{};
                   for (int i = 0; i < 4; ++i) gate.x.push_back(step.input({2, 64, 16, 8}));
                   gate.w1 = step.matrix({4, 64}), gate.b1 = step.vector(4), gate.w2 = step.matrix({64, 4}),
                   gate.b2 = step.vector(64);
                   gate.y = step.output({2, 64, 16, 8}), gate.gates = step.scratch({4, 2, 64});
                   return gate;
                 }});
  all.push_back({"global_pool", [](SingleStep& step) -> Operation {
                   return GlobalAveragePool{.x = step.input({3, 72, 16, 8}), .y = step.output({3, 72, 1, 1})};
                 }});
  all.push_back({"unary", [](SingleStep& step) -> Operation {
                   return Unary{.x = step.input({2, 13, 5, 6}),
                                .y = step.output({2, 13, 5, 6}, 16),
                                .kind = graph::Unary::Kind::tanh};
                 }});
  all.push_back({"binary_broadcast", [](SingleStep& step) -> Operation {
                   TensorRef b = step.input({2, 16, 1, 1});
                   b.shape = {2, 16, 5, 6}, b.strides = {16, 1, 0, 0};
                   return Binary{.a = step.input({2, 16, 5, 6}),
                                 .b = b,
                                 .y = step.output({2, 16, 5, 6}),
                                 .kind = graph::Binary::Kind::mul};
                 }});
  all.push_back(
      {"softmax", [](SingleStep& step) -> Operation {
         return Softmax{.x = step.dense({3, 40, 50}, true), .y = step.dense({3, 40, 50}, false), .axis = 1};
       }});
  all.push_back({"matmul", [](SingleStep& step) -> Operation {
                   return MatMul{.a = step.dense({2, 3, 20, 33}, true),
                                 .b = step.dense({2, 3, 33, 17}, true),
                                 .y = step.dense({2, 3, 20, 17}, false)};
                 }});
  all.push_back({"instance_norm", [](SingleStep& step) -> Operation {
                   return InstanceNorm{.x = step.input({2, 40, 9, 7}),
                                       .scale = step.vector(40),
                                       .shift = step.vector(40),
                                       .y = step.output({2, 40, 9, 7}, 16),
                                       .activation = Activation::relu};
                 }});
  all.push_back({"copy", [](SingleStep& step) -> Operation {
                   return Copy{.x = step.input({2, 24, 5, 6}, 16), .y = step.dense({2, 24, 5, 6}, false)};
                 }});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Families, Kernel,
                         testing::Combine(testing::ValuesIn(cases()),
                                          testing::Values(DType::f16, DType::f32)),
                         case_name);

}  // namespace
}  // namespace peregrine::cuda
