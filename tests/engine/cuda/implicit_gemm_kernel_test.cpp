// Convolutions with a window for the kernels that gather it by TMA: narrow and deep, strided, dilated, in
// slices.
#include <gtest/gtest.h>

#include "kernel_check.h"

namespace peregrine::cuda {

namespace {

using A = Activation;

std::vector<Case> windows() {
  return {
      conv("window_16_to_32", {.n = 1, .c = 16, .h = 40, .w = 40, .k = 32, .kernel = 3}),
      conv("window_32", {.n = 2, .c = 32, .h = 40, .w = 40, .k = 32, .kernel = 3}),
      conv("window_32_sum",
           {.n = 2, .c = 32, .h = 37, .w = 23, .k = 32, .kernel = 3, .residual = 1, .extra = 32}),
      conv("window_32_strided",
           {.n = 2, .c = 32, .h = 41, .w = 37, .k = 64, .kernel = 3, .stride = 2, .extra = 16}),
      conv("window_64_strided", {.n = 2, .c = 64, .h = 40, .w = 41, .k = 64, .kernel = 3, .stride = 2}),
      conv("window_128_strided_sum",
           {.n = 1, .c = 128, .h = 21, .w = 20, .k = 64, .kernel = 3, .stride = 2, .residual = 1}),
      conv("window_16_strided_many_tiles",
           {.n = 4, .c = 16, .h = 200, .w = 203, .k = 32, .kernel = 3, .stride = 2, .extra = 16}),
      conv("window_8_to_16_sum",
           {.n = 2, .c = 8, .h = 40, .w = 40, .k = 16, .kernel = 3, .residual = 1, .extra = 8}),
      conv("window_64", {.n = 3, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 3}),
      conv("window_64_sum",
           {.n = 3, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 3, .residual = 1, .extra = 64}),
      conv("window_64_sum_first",
           {.n = 1, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 3, .activation = A::relu, .residual = 2}),
      conv("window_96_to_160", {.n = 1, .c = 96, .h = 13, .w = 15, .k = 160, .kernel = 3}),
      conv("window_40_to_72", {.n = 2, .c = 40, .h = 13, .w = 15, .k = 72, .kernel = 3, .extra = 8}),
      conv("window_256_to_64", {.n = 1, .c = 256, .h = 20, .w = 20, .k = 64, .kernel = 3}),
      conv("window_16_pictures", {.n = 16, .c = 32, .h = 11, .w = 13, .k = 32, .kernel = 3, .residual = 1}),
      conv("window_5x5", {.n = 1, .c = 32, .h = 20, .w = 20, .k = 32, .kernel = 5, .activation = A::none}),
      conv("window_dilated", {.n = 1, .c = 32, .h = 19, .w = 21, .k = 48, .kernel = 3, .dilation = 2}),
      conv("window_tiny", {.n = 1, .c = 32, .h = 2, .w = 3, .k = 32, .kernel = 3}),
      conv("window_16_many_tiles", {.n = 8, .c = 16, .h = 121, .w = 120, .k = 16, .kernel = 3}),
      conv("window_32_many_tiles_sum",
           {.n = 8, .c = 32, .h = 96, .w = 97, .k = 32, .kernel = 3, .residual = 1, .extra = 32}),
      conv("window_64_many_tiles_sum_first",
           {.n = 4, .c = 64, .h = 104, .w = 104, .k = 64, .kernel = 3, .activation = A::relu, .residual = 2}),
      conv("window_128_many_tiles_sum",
           {.n = 16, .c = 128, .h = 40, .w = 40, .k = 64, .kernel = 3, .residual = 1}),
      conv("window_256_many_tiles_sum",
           {.n = 4, .c = 256, .h = 56, .w = 57, .k = 64, .kernel = 3, .residual = 1, .extra = 64}),
      conv("window_512_to_64", {.n = 1, .c = 512, .h = 20, .w = 20, .k = 64, .kernel = 3, .bias = false}),
      conv("window_128", {.n = 1, .c = 128, .h = 20, .w = 20, .k = 128, .kernel = 3, .extra = 128}),
      conv("window_16_to_8", {.n = 2, .c = 16, .h = 40, .w = 40, .k = 8, .kernel = 3}),
      conv("window_no_bias", {.n = 1, .c = 64, .h = 20, .w = 20, .k = 128, .kernel = 3, .bias = false})};
}

INSTANTIATE_TEST_SUITE_P(Windows, Kernel,
                         testing::Combine(testing::ValuesIn(windows()), testing::Values(DType::f16)),
                         case_name);

}  // namespace
}  // namespace peregrine::cuda
