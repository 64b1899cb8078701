// The cuda engine with calls failing in turn, while it is built (and tuned), loaded and run.
#include <gmock/gmock.h>

#include "cuda/memory.h"
#include "cuda/stream.h"
#include "engine/conformance/conformance.h"
#include "engine/cuda/runtime/cuda_builder.h"
#include "engine/host_run.h"
#include "fault.h"
#include "support/fake_cuda.h"

namespace peregrine {
namespace {

using test::error_of;
using test::FakeCuda;
using ::testing::IsEmpty;

graph::Graph small_graph() { return conformance::block_cases().front().make(); }

Plan build() {
  return make_cuda_builder()->build(small_graph(), {.precision = Precision::fp16, .device = Device::cuda(0)});
}

void load_and_run(const Plan& plan) {
  const auto engine = make_cuda_builder()->load(plan, Device::cuda(0));
  const std::vector<HostTensor> inputs = conformance::random_inputs(small_graph());
  std::vector<TensorView> views;
  for (const HostTensor& input : inputs) views.push_back(input.view());
  run_on_host(*engine, views);
}

/// Fails each call of the given names in turn; the work must end in an error, leak nothing, and succeed
/// afterwards.
template <class Work>
void fail_each(const std::vector<std::string>& names, cudaError_t status, const std::string& code,
               Work&& work) {
  std::map<std::string, int> calls;
  {
    FakeCuda counting;
    work();
    calls = counting.calls();
  }
  FakeCuda cuda;
  for (const std::string& name : names) {
    EXPECT_GT(calls[name], 0) << name;
    for (int nth = 0; nth < calls[name]; ++nth) {
      SCOPED_TRACE(name + " " + std::to_string(nth));
      cuda.heal();
      cuda.fail(name, nth, status);
      const auto error = error_of(work);
      ASSERT_TRUE(error);
      EXPECT_EQ(error->code(), code) << error->what();
      EXPECT_EQ(cuda.alive(), 0u);
    }
  }
  cuda.heal();
  EXPECT_FALSE(error_of(work));
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

class EngineFaults : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    FakeCuda cuda;
    plan_ = build();
  }
  static inline Plan plan_;
};

TEST_F(EngineFaults, OutOfMemoryAtEachAllocationOfLoadingAndRunning) {
  fail_each({"malloc", "stream_create", "event_create"}, cudaErrorMemoryAllocation, "device.memory",
            [] { load_and_run(plan_); });
}

TEST_F(EngineFaults, FailedCopiesAndLaunches) {
  fail_each({"memcpy_async", "launch", "stream_synchronize"}, cudaErrorInvalidValue, "device.call",
            [] { load_and_run(plan_); });
}

TEST_F(EngineFaults, ALostDeviceWhileLoadingAndRunning) {
  int calls = 0;
  {
    FakeCuda counting;
    load_and_run(plan_);
    calls = counting.total_calls();
  }
  for (int nth = 0; nth < calls; ++nth) {
    SCOPED_TRACE(nth);
    FakeCuda cuda;
    cuda.lose_device(nth);
    const auto error = error_of([] { load_and_run(plan_); });
    if (error) {
      EXPECT_THAT(error->code(), ::testing::AnyOf("device.lost", "device.none", "environment.device"))
          << error->what();
    }
    EXPECT_EQ(cuda.alive(), 0u);
    EXPECT_THAT(cuda.misuse(), IsEmpty());
  }
}

TEST_F(EngineFaults, ALostDeviceWhileTuningEndsTheBuild) {
  int calls = 0;
  {
    FakeCuda counting;
    build();
    calls = counting.total_calls();
  }
  for (int nth = 10; nth < calls * 3 / 4; nth += calls / 20) {  // the rest only gives back
    SCOPED_TRACE(nth);
    FakeCuda cuda;
    cuda.lose_device(nth);
    const auto error = error_of([] { build(); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), "device.lost") << error->what();
    EXPECT_EQ(cuda.alive(), 0u);
  }
}

TEST_F(EngineFaults, APlanForAnotherGpuIsRefused) {
  FakeCuda cuda(2);
  const auto error = error_of([] { make_cuda_builder()->load(plan_, Device::cuda(1)); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), "engine.plan");
  EXPECT_THAT(error->sentence(), ::testing::HasSubstr("NVIDIA Other"));
}

TEST_F(EngineFaults, ABadIndexListsTheDevices) {
  FakeCuda cuda(1);
  const auto error = error_of([] { make_cuda_builder()->load(plan_, Device::cuda(3)); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->hint(), ::testing::HasSubstr("cuda:0 NVIDIA Fake"));
}

}  // namespace
}  // namespace peregrine
