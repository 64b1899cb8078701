#include "gpu_policy/gpu_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/log.h"
#include "core/tensor.h"
#include "peregrine/error.h"

namespace peregrine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Device gpu = Device::cuda(0);

TensorView view_at(Device device, DType dtype = DType::f16) {
  static std::byte memory[64];
  return {memory, dtype, device, {2, 3}, {3, 1}};
}

std::pair<std::string, std::string> error_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.code(), error.sentence()};
  }
  return {};
}

/// Keeps the log's lines while it lives.
struct LogLines {
  std::vector<std::string> lines;
  LogLines() {
    log::set_sink([this](log::Level, std::string_view line) { lines.emplace_back(line); });
  }
  ~LogLines() { log::set_sink({}); }
};

class GuardedName : public testing::TestWithParam<std::string_view> {};

TEST_P(GuardedName, OnTheHostIsRaisedInTheseWords) {
  GpuPolicy policy(true, gpu);
  const std::string name(GetParam());
  const auto raise = [&](Device place) {
    return error_of([&] { policy.require_gpu(name, view_at(place)); });
  };
  EXPECT_EQ(raise(Device::cpu()),
            std::pair("enforcement.place" + std::string(),
                      "GPU enforcement violation: " + name + " not on GPU (it is on cpu, expected cuda:0)"));
  EXPECT_EQ(raise(Device::pinned()).second,
            "GPU enforcement violation: " + name + " not on GPU (it is on cpu (pinned), expected cuda:0)");
  EXPECT_EQ(raise(Device::cuda(1)).second,
            "GPU enforcement violation: " + name + " not on GPU (it is on cuda:1, expected cuda:0)");
  EXPECT_TRUE(policy.require_gpu(name, view_at(gpu)));
}

TEST_P(GuardedName, AnotherDtypeIsRaisedInTheseWords) {
  GpuPolicy policy(true, gpu);
  const std::string name(GetParam());
  const auto [code, sentence] = error_of([&] { policy.require_fp16(name, view_at(gpu, DType::f32)); });
  EXPECT_EQ(code, "enforcement.dtype");
  EXPECT_EQ(sentence,
            "FP16 violation: " + name + " is FP32 (GPU enforcement violation: " + name + " not FP16)");
  EXPECT_TRUE(policy.require_fp16(name, view_at(gpu)));
}

INSTANTIATE_TEST_SUITE_P(Places, GuardedName,
                         testing::Values(guarded::detection_output, guarded::pose_output,
                                         guarded::pose_keypoints, guarded::pose_confidence,
                                         guarded::pose_boxes, guarded::segmentation_masks,
                                         guarded::reid_features, "images"));

TEST(GpuPolicy, PointersThatLieAreFoundOut) {
  const TensorView liar = view_at(gpu);
  GpuPolicy policy(true, gpu, [](const void*) { return Device::pinned(); });
  EXPECT_THAT(error_of([&] { policy.require_gpu("detection output", liar); }).second,
              HasSubstr("it is on cpu (pinned)"));
  GpuPolicy honest(true, gpu, [](const void*) { return Device::cuda(0); });
  EXPECT_TRUE(honest.require_gpu("detection output", view_at(Device::cpu())));
}

TEST(GpuPolicy, NothingIsInPlaceAnywhere) {
  GpuPolicy policy(true, gpu);
  TensorView empty = view_at(Device::cpu());
  empty.shape = {0, 3};
  EXPECT_TRUE(policy.require_gpu("detection output", empty));
}

TEST(GpuPolicy, WhatTheHintsSayHelps) {
  const auto hint_of = [](const auto& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.hint();
    }
    return std::string();
  };
  GpuPolicy forced(true, gpu), allowed(false, gpu);
  const TensorView single = view_at(gpu, DType::f32), host = view_at(Device::cpu());
  EXPECT_EQ(hint_of([&] { forced.require_fp16("images", single); }),
            "Build the engine with --precision fp16, or turn FORCE_GPU_ONLY off.");
  EXPECT_TRUE(forced.require_fp16("images", view_at(gpu)));
  EXPECT_FALSE(allowed.require_fp16("images", single));
  EXPECT_EQ(hint_of([&] { forced.require_gpu("images", host); }),
            "Pass --allow-cpu or set FORCE_GPU_ONLY = false to let the CPU serve.");
  EXPECT_FALSE(allowed.require_gpu("images", host));
}

TEST(GpuPolicy, FailedStepIsAnErrorUnderForce) {
  GpuPolicy policy(true, gpu);
  const auto step = [&] {
    return policy.run(
        "decode", []() -> int { throw Error("device.memory", "no memory."); }, [] { return 2; });
  };
  const auto [code, sentence] = error_of(step);
  EXPECT_EQ(code, "enforcement.step");
  EXPECT_EQ(sentence, "GPU-only operation failed: decode: no memory.");
}

TEST(GpuPolicy, FailedStepFallsBackOnceInTheLogWithout) {
  LogLines log;
  GpuPolicy policy(false, gpu);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(policy.run(
                  "decode", []() -> int { throw Error("device.memory", "no memory."); }, [] { return 2; }),
              2);
  EXPECT_FALSE(policy.require_gpu("pose boxes", view_at(Device::cpu())));
  ASSERT_EQ(policy.fallbacks().size(), 2u);
  EXPECT_EQ(policy.fallbacks()[0].step, "decode");
  EXPECT_EQ(policy.fallbacks()[0].why, "no memory.");
  EXPECT_THAT(log.lines, ElementsAre(HasSubstr("decode: no memory."), HasSubstr("pose boxes not on GPU")));
}

TEST(StartUp, WithoutDeviceIsRaised) {
  const auto [code, sentence] = error_of([] { enforce_start_up(true, gpu, ""); });
  EXPECT_EQ(code, "enforcement.cuda");
  EXPECT_EQ(sentence, "FORCE_GPU_ONLY enabled but CUDA not available");
  EXPECT_NO_THROW(enforce_start_up(false, gpu, ""));
}

TEST(StartUp, WithDeviceIsLogged) {
  LogLines log;
  enforce_start_up(true, gpu, "NVIDIA H100 80GB HBM3");
  EXPECT_THAT(log.lines, ElementsAre("GPU-only mode enforced on device: cuda:0 (NVIDIA H100 80GB HBM3)"));
}

}  // namespace
}  // namespace peregrine
