#include "kernel_check.h"

#include "cuda/device.h"
#include "device_run.h"

namespace peregrine::cuda {

void Kernel::SetUp() {
  if (device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
}

TEST_P(Kernel, EveryCandidateAgreesWithTheCpu) {
  const auto& [test, dtype] = GetParam();
  SingleStep maker(dtype);
  Operation operation = test.make(maker);
  expect_every_candidate_right(maker.plan(std::move(operation)), first_device(),
                               dtype == DType::f16 ? 2e-3 : 2e-5);
}

std::string case_name(const testing::TestParamInfo<std::tuple<Case, DType>>& info) {
  return std::get<0>(info.param).name + (std::get<1>(info.param) == DType::f16 ? "_fp16" : "_fp32");
}

}  // namespace peregrine::cuda
