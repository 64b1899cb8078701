#include "audit/audit.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/test_data.h"

namespace peregrine::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Audit, InputAndResultsMayCross) {
  ImageResult result;
  result.host_to_device = {{"jpeg", 137419}, {"picture descriptors", 96}};
  result.device_to_host = {{"results", 2912}, {"person count", 4}, {"embeddings", 2048}};
  EXPECT_THAT(judge(result), IsEmpty());
}

TEST(Audit, AnythingElseIsAViolationByName) {
  ImageResult result;
  result.host_to_device = {{"jpeg", 10}, {"weights", 100}};
  result.device_to_host = {{"results", 10}, {"masks", 1000}, {"jpeg", 10}};
  EXPECT_THAT(judge(result), ElementsAre("weights (100 bytes) went to the device and is not the input",
                                         "masks (1000 bytes) went to the host and is no final result",
                                         "jpeg (10 bytes) went to the host and is no final result"));
}

TEST(Audit, WithoutPicturesNothingIsProven) { EXPECT_FALSE(Report{}.passed()); }

TEST(Audit, TheReportSaysAllAsJson) {
  Report report;
  report.info = {"cuda", "cuda:0 NVIDIA Fake", Precision::fp16, {}};
  report.frames.push_back({"a.jpg", -1, {{"jpeg", 10}}, {{"results", 20}}, false, {}});
  EXPECT_TRUE(report.passed());
  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["passed"], true);
  EXPECT_EQ(json["images"][0]["transfers"]["host_to_device"][0]["bytes"], 10);
  report.frames[0].violations.push_back("weights went");
  EXPECT_FALSE(report.passed());
}

TEST(Audit, SourcesThatCannotBeReadTwiceAreRefused) {
  for (const char* source : {"-", "rtsp://camera/1"}) try {
      run({}, {}, {source}, [] { return false; });
      ADD_FAILURE() << source;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "usage.source");
    }
}

#if PEREGRINE_OPENVINO
TEST(Audit, ARunOnTheCpuNeverPasses) {
  Settings settings;
  settings.force_gpu_only = false;
  settings.imgsz = 160;
  PipelineOptions options;
  options.models = {test::repository_file("models/demo/demo-detect.pt")};
  options.engine = "openvino";
  const auto scenes = std::filesystem::directory_iterator(test::repository_file("models/demo/scenes/val2017"));
  const Report report = run(settings, options, {scenes->path().string()}, [] { return false; });
  EXPECT_EQ(report.frames.size(), 1u);
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report.violations, ElementsAre(HasSubstr("ran on the CPU")));
}
#endif

}  // namespace
}  // namespace peregrine::audit
