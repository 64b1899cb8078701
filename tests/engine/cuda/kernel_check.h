// Every candidate of a step on this machine's GPU against the plan's CPU executor.
#pragma once

#include <gtest/gtest.h>

#include <tuple>

#include "single_step.h"

namespace peregrine::cuda {

/// Its one test runs a case with every candidate; fails where one differs or none runs. Other files
/// instantiate it with cases.
class Kernel : public testing::TestWithParam<std::tuple<Case, DType>> {
 protected:
  /// Skips without a GPU.
  void SetUp() override;
};

/// "conv_1x1_fp16"
std::string case_name(const testing::TestParamInfo<std::tuple<Case, DType>>& info);

}  // namespace peregrine::cuda
