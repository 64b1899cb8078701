// Convolutions of an upsampled map on the device: their views of the large map are what no other step writes.
#include <gtest/gtest.h>

#include "cuda/device.h"
#include "device_run.h"
#include "engine/cuda/lowering/lowering.h"
#include "network.h"

namespace peregrine::test {
namespace {

class UpsampledKernels : public testing::TestWithParam<Shape> {};

TEST_P(UpsampledKernels, EveryCandidateOfEveryPartAgreesWithTheCpu) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "skipped: no CUDA device";
  Network net;
  const Shape& shape = GetParam();
  const ValueId x = net.layer("cv1", net.input(shape), 64, {3});
  const ValueId weight = net.constant("up.weight", {64, 64, 2, 2}, 0.2f),
                bias = net.constant("up.bias", {64}, 1);
  const ValueId large = net.graph.add("up", graph::ConvTranspose{{2, 2}, {}, {}, 1}, {x, weight, bias});
  net.graph.mark_output(net.layer("cv2", large, 64, {3}), "out");
  for (Precision precision : {Precision::fp16, Precision::fp32}) {
    const cuda::ExecutionPlan plan = cuda::lower(net.graph, {.precision = precision});
    ASSERT_EQ(plan.steps.size(), 13u);
    cuda::expect_every_candidate_right(plan, cuda::first_device(),
                                       precision == Precision::fp16 ? 4e-3 : 5e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Maps, UpsampledKernels,
                         testing::Values(Shape{1, 32, 20, 20}, Shape{3, 16, 13, 17}, Shape{2, 8, 2, 3}),
                         [](const auto& info) { return "map" + std::to_string(info.index); });

}  // namespace
}  // namespace peregrine::test
