// The kernel of a bottleneck against the CPU executor: widths, maps that no tile divides, views, batches.
#include <gtest/gtest.h>

#include "cuda/device.h"
#include "device_run.h"
#include "single_step.h"

namespace peregrine::cuda {
namespace {

struct Form {
  std::int64_t n, channels, hidden, h, w, extra = 0;
  bool bias = true;
};

class BottleneckKernel : public testing::TestWithParam<Form> {};

TEST_P(BottleneckKernel, EveryCandidateAgreesWithTheCpu) {
  if (device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
  const Form& form = GetParam();
  SingleStep maker(DType::f16);
  const Shape map{form.n, form.channels, form.h, form.w};
  Bottleneck step{.x = maker.input(map, form.extra),
                  .weight1 = maker.conv_weight({form.hidden, form.channels, 3, 3}),
                  .bias1 = {},
                  .weight2 = maker.conv_weight({form.channels, form.hidden, 3, 3}),
                  .bias2 = {},
                  .y = maker.output(map, form.extra)};
  if (form.bias) step.bias1 = maker.vector(form.hidden), step.bias2 = maker.vector(form.channels);
  const ExecutionPlan plan = maker.plan(step);
  const Target target = first_device();
  EXPECT_GT(tactics_for(plan.steps[0], target).size(), form.channels % 16 == 0 ? 1u : 0u);
  expect_every_candidate_right(plan, target, 2e-3);
}

INSTANTIATE_TEST_SUITE_P(Forms, BottleneckKernel,
                         testing::Values(Form{1, 16, 8, 40, 40}, Form{2, 16, 16, 33, 47, 16},
                                         Form{2, 32, 16, 17, 70, 32}, Form{2, 32, 32, 40, 40, 96},
                                         Form{40, 32, 32, 64, 64}, Form{1, 32, 32, 3, 5},
                                         Form{3, 64, 32, 23, 19, 64}, Form{2, 64, 64, 20, 20, 64},
                                         Form{9, 64, 64, 37, 41}, Form{1, 32, 32, 20, 20, 0, false},
                                         Form{1, 24, 24, 9, 9}),
                         [](const auto& info) {
                           const Form& f = info.param;
                           return std::to_string(f.n) + "x" + std::to_string(f.channels) + "x" +
                                  std::to_string(f.h) + "x" + std::to_string(f.w) + "_hidden" +
                                  std::to_string(f.hidden) + (f.bias ? "" : "_no_bias");
                         });

}  // namespace
}  // namespace peregrine::cuda
