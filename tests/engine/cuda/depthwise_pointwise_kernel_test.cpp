// The kernel of a depthwise and a 1x1 convolution against the CPU executor: widths, maps that no tile
// divides, views, batches.
#include <gtest/gtest.h>

#include "cuda/device.h"
#include "device_run.h"
#include "engine/cuda/runtime/compute_90.h"
#include "single_step.h"

namespace peregrine::cuda {
namespace {

struct Form {
  std::int64_t n, channels, columns, h, w, extra = 0;
  bool bias = true;
  Activation first = Activation::silu, second = Activation::silu;
};

class DepthwisePointwiseKernel : public testing::TestWithParam<Form> {};

TEST_P(DepthwisePointwiseKernel, EveryCandidateAgreesWithTheCpu) {
  if (device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
  const Form& form = GetParam();
  SingleStep maker(DType::f16);
  DepthwisePointwise step{.x = maker.input({form.n, form.channels, form.h, form.w}, form.extra),
                          .weight1 = maker.depthwise_weight({form.channels, 1, 3, 3}),
                          .bias1 = {},
                          .weight2 = maker.conv_weight({form.columns, form.channels, 1, 1}),
                          .bias2 = {},
                          .y = maker.output({form.n, form.columns, form.h, form.w}, form.extra),
                          .activation1 = form.first,
                          .activation2 = form.second};
  if (form.bias) step.bias1 = maker.vector(form.channels), step.bias2 = maker.vector(form.columns);
  const ExecutionPlan plan = maker.plan(step);
  const Target target = first_device();
#if PEREGRINE_CUTLASS
  const bool offered = has_90a(target.device) && (form.columns % 64 == 0 || form.columns % 80 == 0);
  EXPECT_GT(tactics_for(plan.steps[0], target).size(), offered ? 1u : 0u);
#endif
  expect_every_candidate_right(plan, target, 2e-3);
}

INSTANTIATE_TEST_SUITE_P(Forms, DepthwisePointwiseKernel,
                         testing::Values(Form{1, 64, 80, 40, 40}, Form{2, 80, 80, 33, 47, 16},
                                         Form{1, 64, 64, 20, 20, 64}, Form{2, 128, 64, 17, 9},
                                         Form{1, 256, 256, 20, 20}, Form{2, 256, 256, 23, 19, 64},
                                         Form{1, 512, 256, 20, 20}, Form{1, 512, 80, 10, 10},
                                         Form{9, 64, 64, 80, 80}, Form{8, 80, 80, 72, 73},
                                         Form{8, 256, 256, 40, 41}, Form{1, 40, 128, 9, 9},
                                         Form{1, 8, 64, 3, 5}, Form{2, 64, 128, 20, 20, 0, false},
                                         Form{1, 96, 384, 20, 20}, Form{1, 64, 160, 20, 20},
                                         Form{1, 64, 64, 32, 16, 0, true, Activation::relu, Activation::none},
                                         Form{1, 24, 24, 9, 9}),
                         [](const auto& info) {
                           const Form& f = info.param;
                           return std::to_string(f.n) + "x" + std::to_string(f.channels) + "x" +
                                  std::to_string(f.h) + "x" + std::to_string(f.w) + "_to" +
                                  std::to_string(f.columns) + (f.bias ? "" : "_no_bias") +
                                  (f.second == Activation::none ? "_linear" : "");
                         });

}  // namespace
}  // namespace peregrine::cuda
