// `peregrine selftest` as a user runs it.
#include <gmock/gmock.h>

#include "cli/command.h"
#include "support/test_data.h"

namespace peregrine::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Selftest, OfTheGpuPolicyNeedsNoDeviceAndNamesEveryPlace) {
  const CommandResult result = run_command({"selftest", "--guard"});
  EXPECT_EQ(result.status, 0) << result.out;
  for (const char* line :
       {"OK      start-up without a device", "OK      pose keypoints on cpu (pinned)",
        "OK      segmentation masks in FP32", "OK      a step that fails", "checks passed"})
    EXPECT_THAT(result.out, HasSubstr(line));
  EXPECT_THAT(result.out, Not(HasSubstr("FAILED")));
}

TEST(Selftest, OfAnEngineStartsUnderEnforcement) {
  const CommandResult result = run_command({"selftest", "--engine", "openvino"});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("FORCE_GPU_ONLY enabled but CUDA not available"));
}

TEST(Selftest, OfTheCpuEngineChecksOperatorsAndDemoModels) {
  const CommandResult result =
      run_command({"selftest", "--engine", "openvino", "--allow-cpu"}, repository_file("").string());
  EXPECT_EQ(result.status, 0) << result.out;
  EXPECT_THAT(result.out,
              HasSubstr("peregrine 0."));  // the report names the machine, the engine and its library
  EXPECT_THAT(result.out, HasSubstr("OK      engine (openvino 20"));
  EXPECT_THAT(result.out, HasSubstr("OK      demo-reid.pth (passed"));
  EXPECT_THAT(result.out, HasSubstr("OK      Conv."));
  EXPECT_THAT(result.out, HasSubstr("OK      demo-segment.pt"));
}

}  // namespace
}  // namespace peregrine::test
