// `peregrine bench`: every figure is there and fits the others. The figures themselves are the machine's.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "command.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

std::string demo(const std::string& name) { return test::repository_file("models/demo/" + name).string(); }

TEST(Bench, MeasuresEachModelAtEachBatch) {
  const test::TemporaryFolder folder;
  const auto result = test::run_command({"bench",    "--allow-cpu",
                                         "--engine", "openvino",
                                         "--model",  demo("demo-detect.pt"),
                                         "--model",  demo("demo-segment.pt"),
                                         "--batch",  "1,2",
                                         "--runs",   "3",
                                         "--source", demo("scenes/val2017/000000.jpg"),
                                         "--json",   "-",
                                         "--imgsz",  "160",
                                         "--store",  (folder.path() / "store").string()});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("from"), "files");
  ASSERT_EQ(json.at("measurements").size(), 4U);
  for (const auto& entry : json["measurements"]) {
    const auto& latency = entry.at("latency_ms");
    EXPECT_GT(latency.at("p50"), 0);
    EXPECT_LE(latency.at("p50"), latency.at("p90"));
    EXPECT_LE(latency.at("p90"), latency.at("p99"));
    EXPECT_GT(entry.at("stages_ms").at("inference"), 0);
    EXPECT_GT(entry.at("stages_ms").at("decode"), 0);
    EXPECT_GT(entry.at("start_up_ms"), 0);
    EXPECT_GT(entry.at("peak_rss_mib"), 10);
  }
  EXPECT_EQ(json["measurements"][3].at("batch"), 2);
  EXPECT_EQ(json["measurements"][3].at("model"), "demo-segment.pt");
}

TEST(Bench, PrintsATableWithoutASource) {
  const auto result = test::run_command({"bench", "--allow-cpu", "--engine", "openvino", "--model",
                                         demo("demo-detect.pt"), "--runs", "1", "--imgsz", "64", "--layers"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, testing::HasSubstr("demo-detect.pt"));
  EXPECT_THAT(result.out, testing::HasSubstr("p99"));
  EXPECT_THAT(result.out, testing::HasSubstr("Convolution"));
}

TEST(Bench, StandsBesideTheFp32EngineWithoutPython) {
  const test::TemporaryFolder folder;
  const auto result =
      test::run_command({"bench", "--allow-cpu", "--engine", "openvino", "--model", demo("demo-detect.pt"),
                         "--runs", "2", "--imgsz", "64", "--baseline", "auto", "--python", "/no/python",
                         "--store", (folder.path() / "store").string()});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, testing::HasSubstr("openvino fp32"));
  EXPECT_THAT(result.out,
              testing::HasSubstr("not PyTorch: there is no /no/python. The engine is that engine"));
}

TEST(Bench, WrongUsage) {
  EXPECT_EQ(
      test::run_command({"bench", "--allow-cpu", "--model", demo("demo-detect.pt"), "--baseline", "abacus"})
          .status,
      2);
  EXPECT_EQ(
      test::run_command({"bench", "--allow-cpu", "--model", demo("demo-detect.pt"), "--python", "python3"})
          .status,
      2);
  EXPECT_EQ(test::run_command({"bench", "--allow-cpu"}).status, 2);
  EXPECT_EQ(
      test::run_command({"bench", "--allow-cpu", "--model", demo("demo-detect.pt"), "--batch", "0"}).status,
      2);
  EXPECT_EQ(test::run_command({"bench", "--allow-cpu", "--engine", "openvino", "--model", "none.pt"}).status,
            3);
}

}  // namespace
}  // namespace peregrine
