// The recorder over a CUPTI that is none: what the double makes up must come back counted, and tied to its
// ranges.
#include "tools/audit/cuda/recorder.h"

#include <dlfcn.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "core/trace.h"
#include "peregrine/error.h"
#include "support/fake_cuda.h"
#include "support/test_data.h"
#include "tools/audit/audit.h"

namespace peregrine::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int to_device = 1, to_host = 2, within_device = 8;  // CUPTI's numbers

/// The double, loaded under CUPTI's name before anybody asks for that: the loader gives out what is there
/// already.
class Recorder : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(PEREGRINE_DOUBLE))
      GTEST_SKIP() << "skipped: the double of CUPTI lies in the build folder";
    library_ = dlopen(PEREGRINE_DOUBLE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    ASSERT_TRUE(library_) << dlerror();
  }
  void TearDown() override {
    if (!library_) return;
    call<void(const char*)>("double_refuse")("");
    EXPECT_EQ(call<int()>("double_enabled")(), 0) << "every kind is switched off again";
    EXPECT_EQ(call<int()>("double_open_ranges")(), 0);
  }
  template <class Function>
  Function* call(const char* name) const {
    return reinterpret_cast<Function*>(dlsym(library_, name));
  }
  void copy(int kind, std::uint64_t bytes, std::uint64_t node = 0) const {
    call<void(int, std::uint64_t, std::uint64_t)>("double_copy")(kind, bytes, node);
  }
  void launch(const char* name, int kernels_of_graph = 0) const {
    call<void(const char*, int)>("double_launch")(name, kernels_of_graph);
  }

  test::FakeCuda cuda_;
  void* library_ = nullptr;
};

TEST_F(Recorder, CountsCopiesMemsetsAndKernelsOfGraphsToo) {
  ActivityRecorder recorder;
  copy(to_device, 96, 7);
  copy(within_device, 10);
  call<void(std::uint64_t)>("double_peer_copy")(11);
  call<void()>("double_memset")();
  launch("stem");
  launch("conv", 3);
  const Activity activity = recorder.take();
  EXPECT_THAT(activity.library, HasSubstr("CUPTI 13.0.1"));
  ASSERT_EQ(activity.copies.size(), 3u);
  EXPECT_EQ(activity.copies[0].kind, CopyKind::to_device);
  EXPECT_EQ(activity.copies[0].bytes, 96u);
  EXPECT_TRUE(activity.copies[0].in_graph);
  EXPECT_EQ(activity.copies[1].kind, CopyKind::within_device);
  EXPECT_FALSE(activity.copies[1].in_graph);
  EXPECT_EQ(activity.copies[2].kind, CopyKind::between_devices);
  EXPECT_EQ(activity.memsets, 1u);
  EXPECT_EQ(activity.launches(), 4u);
  EXPECT_EQ(activity.launches_in_graphs(), 3u);
  EXPECT_EQ(activity.dropped, 0u);
}

TEST_F(Recorder, WorkBelongsToTheInnermostRangeOfItsThread) {
  ActivityRecorder recorder;
  std::thread decoder([&] {
    const trace::Range outer("decode");
    const trace::Range inner("jpeg");
    copy(to_device, 1000);
    launch("idct");
  });
  decoder.join();
  {
    const trace::Range range("inference");
    launch("conv", 2);
  }
  copy(to_host, 4);
  const Activity activity = recorder.take();
  ASSERT_EQ(activity.copies.size(), 2u);
  EXPECT_EQ(activity.copies[0].range, "jpeg");
  EXPECT_EQ(activity.copies[1].range, "");
  EXPECT_EQ(activity.launches_in("jpeg"), 1u);
  EXPECT_EQ(activity.launches_in("inference"), 2u);
  EXPECT_EQ(activity.launches_in("decode"), 0u);
}

TEST_F(Recorder, WhatWasTakenIsNotCountedAgain) {
  ActivityRecorder recorder;
  copy(to_device, 5);
  recorder.take();
  EXPECT_THAT(recorder.take().copies, IsEmpty());
  copy(to_device, 6);
  EXPECT_EQ(recorder.take().copies.size(), 1u);
}

TEST_F(Recorder, NothingIsLostWhereSeveralBuffersAreNeeded) {
  ActivityRecorder recorder;
  const trace::Range range("inference");
  for (int i = 0; i < 10'000; ++i) launch("conv");
  EXPECT_EQ(recorder.take().launches_in("inference"), 10'000u);
}

TEST_F(Recorder, WhatCuptiDropsIsSaid) {
  ActivityRecorder recorder;
  launch("conv");
  call<void(std::size_t)>("double_drop")(3);
  EXPECT_EQ(recorder.take().dropped, 3u);
}

TEST_F(Recorder, ARefusalIsOneErrorInCuptisWordsAndTheNextOneWorks) {
  for (const char* function : {"cuptiActivityRegisterCallbacks", "cuptiActivityEnable"}) {
    call<void(const char*)>("double_refuse")(function);
    try {
      const ActivityRecorder recorder;
      ADD_FAILURE() << function;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "environment.cupti");
      EXPECT_THAT(error.sentence(), HasSubstr(std::string(function) +
                                              " failed: CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED"));
    }
  }
  call<void(const char*)>("double_refuse")("");
  ActivityRecorder recorder;
  launch("conv");
  EXPECT_EQ(recorder.take().launches(), 1u);
}

/// The whole audit, over a CUDA whose kernels do not run and which CUPTI's double does not see.
AuditReport audit_a_image() {
  Settings settings;
  settings.imgsz = 64;
  PipelineOptions options;
  options.engine = "cuda";
  options.models = {test::repository_file("models/demo/demo-detect.pt")};
  return run(settings, options,
             {test::repository_file("tests/stages/decode/data/pictures/rgb_8.png").string()},
             [] { return false; });
}

TEST_F(Recorder, AnAuditComparesItsTransferLogWithWhatCuptiSaw) {
  const AuditReport report = audit_a_image();
  ASSERT_EQ(report.frames.size(), 1u);
  EXPECT_TRUE(report.frames[0].host_decoded);
  EXPECT_THAT(report.frames[0].violations, IsEmpty());
  ASSERT_TRUE(report.activity);
  EXPECT_THAT(report.violations, ElementsAre("CUPTI saw no kernel: nothing was on a GPU"));
  EXPECT_FALSE(report.passed());
}

TEST_F(Recorder, AnAuditWithoutCuptiSaysSoAndEvaluatesByTheTransferLog) {
  call<void(const char*)>("double_refuse")("cuptiActivityEnable");
  const AuditReport report = audit_a_image();
  EXPECT_FALSE(report.activity);
  EXPECT_THAT(report.activity_missing, HasSubstr("cuptiActivityEnable failed"));
  EXPECT_TRUE(report.passed());
}

TEST_F(Recorder, ALostDeviceIsNamed) {
  ActivityRecorder recorder;
  cuda_.fail("device_synchronize", 0, cudaErrorIllegalAddress);
  try {
    recorder.take();
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "device.lost");
  }
}

}  // namespace
}  // namespace peregrine::audit
