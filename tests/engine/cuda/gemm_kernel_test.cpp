// 1x1 convolutions and linear layers for the kernels that see matrices: narrow and wide, deep and shallow, in
// slices.
#include <gtest/gtest.h>

#include "kernel_check.h"

namespace peregrine::cuda {

namespace {

using A = Activation;

Case product(const std::string& name, std::int64_t n, std::int64_t c, std::int64_t k, std::int64_t h,
             std::int64_t w, Activation activation, std::int64_t extra = 0, int residual = 0,
             bool bias = true) {
  return conv("product_" + name, {.n = n,
                                  .c = c,
                                  .h = h,
                                  .w = w,
                                  .k = k,
                                  .kernel = 1,
                                  .activation = activation,
                                  .bias = bias,
                                  .residual = residual,
                                  .extra = extra});
}

std::vector<Case> products() {
  return {product("8_to_8", 1, 8, 8, 20, 20, A::silu),
          product("8_to_1024", 1, 8, 1024, 7, 9, A::silu),
          product("1024_to_8", 1, 1024, 8, 7, 9, A::none),
          product("1024_to_512", 1, 1024, 512, 5, 5, A::silu),
          product("one_pixel", 1, 64, 64, 1, 1, A::relu),
          product("one_row", 1, 64, 96, 1, 131, A::silu),
          product("one_column", 3, 64, 96, 67, 1, A::silu, 16),
          product("16_pictures", 16, 64, 80, 13, 11, A::silu),
          product("16_pictures_of_slices", 16, 32, 64, 13, 11, A::silu, 32),
          product("odd_slices", 2, 200, 72, 13, 11, A::silu, 8),
          product("80_linear", 1, 80, 80, 20, 20, A::none, 48),
          product("qkv", 1, 128, 256, 20, 20, A::none),
          product("projection", 1, 128, 128, 20, 20, A::none, 128, 1),
          product("relu", 2, 64, 256, 16, 8, A::relu),
          product("relu_of_a_sum", 2, 64, 256, 16, 8, A::relu, 0, 2),
          product("relu_of_a_sum_in_slices", 2, 64, 72, 16, 8, A::relu, 32, 2),
          product("sum_after_relu", 2, 64, 64, 16, 8, A::relu, 0, 1),
          product("sum_after_silu", 1, 96, 160, 40, 40, A::silu, 16, 1),
          product("silu_of_a_sum", 1, 96, 160, 21, 23, A::silu, 16, 2),
          product("sum_without_bias", 1, 64, 64, 21, 23, A::none, 0, 1, false),
          product("half_sum", 1, 96, 160, 40, 40, A::silu, 0, 3),
          product("half_sum_in_slices", 3, 64, 72, 14, 22, A::silu, 16, 3),
          product("half_sum_of_two_pixels", 2, 64, 64, 2, 2, A::relu, 0, 3),
          product("half_sum_many_tiles", 16, 128, 264, 40, 44, A::silu, 8, 3),
          product("half_sum_without_bias", 2, 32, 40, 18, 10, A::none, 0, 3, false),
          product("no_bias", 1, 64, 128, 40, 40, A::silu, 0, 0, false),
          product("sigmoid", 1, 64, 48, 9, 9, A::sigmoid)};
}

Case linear(const std::string& name, std::int64_t n, std::int64_t c, std::int64_t k, Activation activation) {
  return {"linear_" + name, [=](SingleStep& step) -> Operation {
            Linear linear{.x = step.dense({n, c}, true),
                          .weight = step.matrix({k, c}),
                          .y = step.dense({n, k}, false),
                          .bias = step.vector(k),
                          .bias_f16 = {},
                          .activation = activation};
            linear.bias_f16 = step.rounded(linear.bias);
            return linear;
          }};
}

std::vector<Case> linears() {
  return {linear("one", 1, 512, 512, A::relu), linear("64_persons", 64, 512, 512, A::relu),
          linear("plain", 4, 128, 40, A::none)};
}

INSTANTIATE_TEST_SUITE_P(Products, Kernel,
                         testing::Combine(testing::ValuesIn(products()),
                                          testing::Values(DType::f16, DType::f32)),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Linears, Kernel,
                         testing::Combine(testing::ValuesIn(linears()), testing::Values(DType::f16)),
                         case_name);

}  // namespace
}  // namespace peregrine::cuda
