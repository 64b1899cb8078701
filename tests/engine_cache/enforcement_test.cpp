// The start-up enforcement, in the words that users search their logs for.
#include <gmock/gmock.h>

#include "engine_cache/engine_context.h"
#include "peregrine/error.h"
#if PEREGRINE_CUDA
#include "cuda/device.h"
#endif

namespace peregrine::engine_cache {
namespace {

bool machine_has_gpu() {
#if PEREGRINE_CUDA
  return cuda::device_count() > 0;
#else
  return false;
#endif
}

std::string failure(bool force, const std::string& engine) {
  Settings settings;
  settings.force_gpu_only = force;
  try {
    choose_engine(settings, engine);
  } catch (const Error& error) {
    return error.sentence();
  }
  return "";
}

TEST(StartUp, ForcedWithoutADeviceIsRefused) {
  if (machine_has_gpu()) GTEST_SKIP() << "this machine has a CUDA device";
  EXPECT_EQ(failure(true, "auto"), "FORCE_GPU_ONLY enabled but CUDA not available");
  EXPECT_EQ(failure(true, "cuda"), "FORCE_GPU_ONLY enabled but CUDA not available");
}

TEST(StartUp, TheCpuEngineIsRefusedUnderForceOnAnyMachine) {
  EXPECT_EQ(failure(true, "openvino"), "FORCE_GPU_ONLY enabled but CUDA not available");
}

TEST(StartUp, TheCpuServesWhenAllowed) {
  Settings settings;
  settings.force_gpu_only = false;
  const EngineContext context = choose_engine(settings, "openvino");
  EXPECT_EQ(context.builder->name(), "openvino");
  EXPECT_EQ(context.device, Device::cpu());
  EXPECT_EQ(context.precision, Precision::fp32);
}

TEST(StartUp, UnknownEnginesAreNamed) { EXPECT_THAT(failure(false, "onnx"), testing::HasSubstr("\"onnx\"")); }

}  // namespace
}  // namespace peregrine::engine_cache
