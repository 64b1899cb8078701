// Convolutions with a window for the kernels that gather it by TMA: narrow and deep, strided, dilated, in slices.
#include <gtest/gtest.h>

#include "kernel_check.h"

namespace peregrine::cuda {

namespace {

using A = Activation;

std::vector<Case> windows() {
  return {conv("window_16_to_32", {.n = 1, .c = 16, .h = 40, .w = 40, .k = 32, .kernel = 3}),
          conv("window_32", {.n = 2, .c = 32, .h = 40, .w = 40, .k = 32, .kernel = 3}),
          conv("window_32_sum", {.n = 2, .c = 32, .h = 37, .w = 23, .k = 32, .kernel = 3, .residual = 1, .extra = 32}),
          conv("window_32_strided", {.n = 2, .c = 32, .h = 41, .w = 37, .k = 64, .kernel = 3, .stride = 2, .extra = 16}),
          conv("window_64", {.n = 3, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 3}),
          conv("window_64_sum", {.n = 3, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 3, .residual = 1, .extra = 64}),
          conv("window_64_sum_first",
               {.n = 1, .c = 64, .h = 20, .w = 20, .k = 64, .kernel = 3, .activation = A::relu, .residual = 2}),
          conv("window_96_to_160", {.n = 1, .c = 96, .h = 13, .w = 15, .k = 160, .kernel = 3}),
          conv("window_40_to_72", {.n = 2, .c = 40, .h = 13, .w = 15, .k = 72, .kernel = 3, .extra = 8}),
          conv("window_256_to_64", {.n = 1, .c = 256, .h = 20, .w = 20, .k = 64, .kernel = 3}),
          conv("window_16_pictures", {.n = 16, .c = 32, .h = 11, .w = 13, .k = 32, .kernel = 3, .residual = 1}),
          conv("window_5x5", {.n = 1, .c = 32, .h = 20, .w = 20, .k = 32, .kernel = 5, .activation = A::none}),
          conv("window_dilated", {.n = 1, .c = 32, .h = 19, .w = 21, .k = 48, .kernel = 3, .dilation = 2}),
          conv("window_tiny", {.n = 1, .c = 32, .h = 2, .w = 3, .k = 32, .kernel = 3}),
          conv("window_no_bias", {.n = 1, .c = 64, .h = 20, .w = 20, .k = 128, .kernel = 3, .bias = false})};
}

INSTANTIATE_TEST_SUITE_P(Windows, Kernel, testing::Combine(testing::ValuesIn(windows()), testing::Values(DType::f16)), case_name);

}  // namespace
}  // namespace peregrine::cuda
