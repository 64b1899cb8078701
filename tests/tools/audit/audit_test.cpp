#include "tools/audit/audit.h"

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
  result.host_to_device = {{"jpeg", 137419}, {"image descriptors", 96}};
  result.device_to_host = {{"results", 2912}, {"person count", 4}, {"embeddings", 2048}};
  EXPECT_THAT(evaluate(result), IsEmpty());
}

TEST(Audit, AnythingElseIsAViolationByName) {
  ImageResult result;
  result.host_to_device = {{"jpeg", 10}, {"weights", 100}};
  result.device_to_host = {{"results", 10}, {"masks", 1000}, {"jpeg", 10}};
  EXPECT_THAT(evaluate(result), ElementsAre("weights (100 bytes) went to the device and is not the input",
                                            "masks (1000 bytes) went to the host and is no final result",
                                            "jpeg (10 bytes) went to the host and is no final result"));
}

/// One image with a JPEG of 1000 bytes, its description, and host-decoded pixels beside it.
std::vector<FrameAudit> frames() {
  return {{"a.jpg", -1, {{"jpeg", 1000}, {"image descriptors", 96}}, {{"results", 20}}, false, {}},
          {"b.png", -1, {{"pixels", 5000}, {"image descriptors", 96}}, {{"results", 20}}, true, {}}};
}

Activity seen(std::vector<MemoryCopy> copies) {
  Activity activity;
  activity.copies = std::move(copies);
  activity.kernels = {{"conv", "inference", 3, 3}};
  return activity;
}

TEST(Audit, CopiesThatTheTransferLogKnowsAndThoseOfNvjpegMayBeSeen) {
  const Activity activity = seen({{CopyKind::to_device, 1200, "jpeg", false},
                                  {CopyKind::to_host, 16, "jpeg", false},
                                  {CopyKind::to_device, 96, "inference", true},
                                  {CopyKind::to_device, 96, "inference", true},
                                  {CopyKind::to_device, 5000, "decode", false},
                                  {CopyKind::within_device, 123456, "inference", true}});
  EXPECT_THAT(evaluate(frames(), activity), IsEmpty());
}

TEST(Audit, ACopyThatTheTransferLogDoesNotKnowIsAViolation) {
  const Activity activity = seen({{CopyKind::to_device, 5000, "", false},  // in the transfer log once
                                  {CopyKind::to_device, 5000, "", false},
                                  {CopyKind::to_host, 96, "inference", true},  // known the other way
                                  {CopyKind::between_devices, 7, "", false},
                                  {CopyKind::unknown, 8, "", false}});
  EXPECT_THAT(
      evaluate(frames(), activity),
      ElementsAre(
          "CUPTI saw a copy of 5000 bytes to the device that the transfer log does not know",
          "CUPTI saw a copy of 96 bytes to the host in inference that the transfer log does not know",
          "CUPTI saw a copy of 7 bytes between devices that the transfer log does not know",
          "CUPTI saw a copy of 8 bytes from or to an unknown place that the transfer log does not know"));
}

TEST(Audit, NvjpegMayNeitherBringCoefficientsNorTakePixelsBack) {
  const Activity activity =
      seen({{CopyKind::to_device, 400'000, "jpeg", false}, {CopyKind::to_host, 300'000, "jpeg", false}});
  EXPECT_THAT(evaluate(frames(), activity),
              ElementsAre("nvJPEG brought 400000 bytes to the device for 1000 bytes of JPEG: part of its "
                          "decoding runs on the host",
                          "nvJPEG took 300000 bytes back to the host"));
}

TEST(Audit, WithoutKernelsOrWithLostRecordsNothingIsProven) {
  Activity activity;
  activity.dropped = 4;
  EXPECT_THAT(evaluate(frames(), activity), ElementsAre("CUPTI lost 4 records: what they told is not known",
                                                        "CUPTI saw no kernel: nothing was on a GPU"));
}

TEST(Audit, WithoutImagesNothingIsProven) { EXPECT_FALSE(AuditReport{}.passed()); }

TEST(Audit, TheReportSaysAllAsJson) {
  AuditReport report;
  report.info = {"cuda", "cuda:0 NVIDIA Fake", Precision::fp16, {}};
  report.frames.push_back({"a.jpg", -1, {{"jpeg", 10}}, {{"results", 20}}, false, {}});
  EXPECT_TRUE(report.passed());
  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["passed"], true);
  EXPECT_EQ(json["images"][0]["transfers"]["host_to_device"][0]["bytes"], 10);
  EXPECT_FALSE(json.contains("cupti"));
  report.frames[0].violations.push_back("weights went");
  EXPECT_FALSE(report.passed());
}

TEST(Audit, TheReportSaysWhatCuptiSawOrWhyNot) {
  AuditReport report;
  report.activity =
      seen({{CopyKind::to_device, 600, "jpeg", false}, {CopyKind::to_device, 400, "jpeg", false}});
  report.activity->library = "CUPTI 13.0.1";
  const auto json = nlohmann::json::parse(to_json(report))["cupti"];
  EXPECT_EQ(json["copies"],
            nlohmann::json::parse(R"([{"way":"to the device","range":"jpeg","copies":2,"bytes":1000}])"));
  EXPECT_EQ(json["kernels"]["launches"], 3);
  EXPECT_EQ(json["kernels"]["in_graphs"], 3);
  EXPECT_EQ(json["kernels"]["list"][0]["name"], "conv");
  report.activity.reset();
  report.activity_missing = "CUPTI 13 was not found.";
  EXPECT_EQ(nlohmann::json::parse(to_json(report))["cupti"]["missing"], "CUPTI 13 was not found.");
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
  const auto scenes =
      std::filesystem::directory_iterator(test::repository_file("models/demo/scenes/val2017"));
  const AuditReport report = run(settings, options, {scenes->path().string()}, [] { return false; });
  EXPECT_EQ(report.frames.size(), 1u);
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report.violations, ElementsAre(HasSubstr("ran on the CPU")));
}
#endif

}  // namespace
}  // namespace peregrine::audit
