// Pointers that lie about their place: the driver is asked (through the runtime's table), not the view.
#include <gmock/gmock.h>

#include "cuda/device.h"
#include "cuda/memory.h"
#include "fault.h"
#include "gpu_policy/gpu_policy.h"
#include "support/fake_cuda.h"

namespace peregrine {
namespace {

using test::error_of;
using test::FakeCuda;

class LyingPointer : public ::testing::TestWithParam<std::string_view> {};

TEST_P(LyingPointer, IsFoundOutByWhatTheDriverSays) {
  FakeCuda cuda(2);
  GpuPolicy policy(true, Device::cuda(0), cuda::place_of);
  const cuda::DeviceBuffer memory(64, "a tensor");
  const TensorView view{
      memory.data() + 16, DType::f16, Device::cuda(0), {2, 3}, {3, 1}};  // inside of an allocation
  const auto sentence = [&] {
    const auto error = error_of([&] { policy.require_gpu(GetParam(), view); });
    return error ? error->sentence() : "";
  };
  const std::string name(GetParam());
  EXPECT_EQ(sentence(), "");
  cuda.move(memory.data(), cudaMemoryTypeHost);
  EXPECT_EQ(sentence(),
            "GPU enforcement violation: " + name + " not on GPU (it is on cpu (pinned), expected cuda:0)");
  cuda.move(memory.data(), cudaMemoryTypeUnregistered);
  EXPECT_EQ(sentence(), "GPU enforcement violation: " + name + " not on GPU (it is on cpu, expected cuda:0)");
  cuda.move(memory.data(), cudaMemoryTypeDevice, 1);
  EXPECT_EQ(sentence(),
            "GPU enforcement violation: " + name + " not on GPU (it is on cuda:1, expected cuda:0)");
  cuda.move(memory.data(), cudaMemoryTypeManaged, 0);
  EXPECT_EQ(sentence(), "");
}

TEST_P(LyingPointer, WithoutTheDriversAnswerCountsAsHostMemory) {
  FakeCuda cuda;
  GpuPolicy policy(true, Device::cuda(0), cuda::place_of);
  const cuda::DeviceBuffer memory(64, "a tensor");
  cuda.fail("pointer_attributes", 0, cudaErrorInvalidValue);
  const TensorView view{memory.data(), DType::f16, Device::cuda(0), {2, 3}, {3, 1}};
  EXPECT_TRUE(error_of([&] { policy.require_gpu(GetParam(), view); }));
  EXPECT_FALSE(error_of([&] { policy.require_gpu(GetParam(), view); }))
      << "the failed question leaves nothing behind";
}

INSTANTIATE_TEST_SUITE_P(Names, LyingPointer,
                         ::testing::Values(guarded::detection_output, guarded::pose_output,
                                           guarded::pose_keypoints, guarded::pose_confidence,
                                           guarded::pose_boxes, guarded::segmentation_masks,
                                           guarded::reid_features, "images", "box.0"));

}  // namespace
}  // namespace peregrine
