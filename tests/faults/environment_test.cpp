// What `doctor` and `migrate` advise about GPUs and drivers, followed on machines that are made up.
#include <gmock/gmock.h>

#include "cuda/runtime.h"
#include "support/error_text.h"
#include "support/fake_cuda.h"
#include "support/test_data.h"
#include "tools/doctor/environment.h"
#include "tools/doctor/libraries.h"

namespace peregrine::doctor {
namespace {

using Standing = EnvironmentRow::Standing;
using test::FakeCuda;

class HintsOfEnvironment : public testing::Test {
 protected:
  HintsOfEnvironment() {
    settings_.store = folder_.path() / "store";
    settings_.enable_tensorrt = false;
    needs_.python = "/nonexistent/python";
  }
  EnvironmentRow row(const std::string& name) const {
    const auto rows = check_environment(settings_, needs_).rows;
    const auto found = std::ranges::find(rows, name, &EnvironmentRow::name);
    return found == rows.end() ? EnvironmentRow{"no such row", {}, {}, {}, Standing::absent} : *found;
  }
  /// The row is bad and advises this.
  void expect_advice(const std::string& name, const std::string& advice) const {
    EXPECT_EQ(row(name).standing, Standing::bad);
    EXPECT_EQ(row(name).remedy, advice);
  }
  test::TemporaryFolder folder_;
  Settings settings_;
  EnvironmentNeeds needs_;
};

TEST_F(HintsOfEnvironment, AboutDevicesLeadToOne) {
  FakeCuda cuda(2);
  settings_.device = 7;
  expect_advice("cuda:7", "choose one that is there with --device");
  settings_.device = 1;
  EXPECT_EQ(row("cuda:1").standing, Standing::good);

  cuda.set_first_capability(5);
  settings_.device = 0;
  expect_advice("cuda:0",
                "build with -DCMAKE_CUDA_ARCHITECTURES for this device, or choose another one with --device");
  settings_.device = 1;
  EXPECT_EQ(row("cuda:0").standing, Standing::absent);
  EXPECT_EQ(row("cuda:1").standing, Standing::good);
}

TEST_F(HintsOfEnvironment, AboutAMachineWithoutAGpuLeadToTheCpu) {
  FakeCuda cuda(0);
  expect_advice("cuda:0", "run on a machine with an NVIDIA GPU, or let the CPU serve with --allow-cpu");
  settings_.force_gpu_only = false;  // --allow-cpu
  EXPECT_EQ(row("cuda:0").standing, Standing::absent);
}

TEST_F(HintsOfEnvironment, AboutADriverLeadToTheCpu) {
  const auto standing = [&] {
    FakeCuda cuda;
    cuda.fail("driver_version", 1, cudaErrorInsufficientDriver);  // the first call is for its name
    const auto rows = check_environment(settings_, needs_).rows;
    return *std::ranges::find(rows, "CUDA driver", &EnvironmentRow::name);
  };
  EXPECT_EQ(standing().standing, Standing::bad);
  EXPECT_EQ(standing().remedy, "install NVIDIA's driver 580 or newer, or let the CPU serve with --allow-cpu");
  settings_.force_gpu_only = false;  // --allow-cpu
  EXPECT_EQ(standing().standing, Standing::absent);
}

/// The hint of a kernel that was not compiled for the GPU; what a build's architectures run on is told by
/// doctor's row.
TEST_F(HintsOfEnvironment, OfMissingKernelsLeadToABuildThatHasThem) {
  FakeCuda cuda;
  cuda.fail("launch", 0, cudaErrorNoKernelImageForDevice);
  EXPECT_THAT(
      test::error_text([] { cuda::check_launch("a kernel"); }),
      testing::AllOf(testing::HasSubstr("device.architecture"),
                     testing::HasSubstr("This build has no code for this GPU; build with its architecture "
                                        "(CMAKE_CUDA_ARCHITECTURES).")));
  cuda.set_first_capability(5);
  EXPECT_EQ(row("cuda:0").standing, Standing::bad);
  EXPECT_FALSE(has_kernels_for("90a", 5, 0));
  for (const char* architectures : {"50", "50 90a"}) EXPECT_TRUE(has_kernels_for(architectures, 5, 0));
}

/// The hint of a call that is given a device which is not there.
TEST_F(HintsOfEnvironment, OfABadIndexLeadToTheDevices) {
  FakeCuda cuda(2);
  cuda.fail("get_device_properties", 0, cudaErrorInvalidDevice);
  EXPECT_EQ(row("CUDA devices").remedy, "`peregrine doctor` lists the devices.");
  EXPECT_EQ(row("cuda:0").standing, Standing::good);
  EXPECT_EQ(row("cuda:1").standing, Standing::good);
}

}  // namespace
}  // namespace peregrine::doctor
