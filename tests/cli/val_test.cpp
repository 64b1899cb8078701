// `peregrine val`: the JSON of one model and of several, what it prints, and data that is not there.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "command.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

std::string demo(const std::string& name) { return test::repository_file("models/demo/" + name).string(); }

std::vector<std::string> val(std::vector<std::string> more) {
  std::vector<std::string> arguments{"val", "--allow-cpu", "--engine", "openvino"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(Val, OneModelGivesItsMetrics) {
  const auto result =
      test::run_command(val({"--model", demo("demo-segment.pt"), "--data", demo("scenes"), "--json", "-"}));
  ASSERT_EQ(result.status, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json.size(), 2u);
  for (const char* metric : {"bbox", "segm"}) {
    EXPECT_GT(json.at(metric).at("AP50"), 0.8);
    EXPECT_LT(json.at(metric).at("AP"), json.at(metric).at("AP50"));
  }
}

TEST(Val, SeveralModelsGiveTheirsByPath) {
  const test::TemporaryFolder folder;
  const auto file = (folder.path() / "scores.json").string();
  const auto result =
      test::run_command(val({"--model", demo("demo-detect.pt"), "--model", demo("demo-pose.pt"), "--data",
                             demo("scenes"), "--json", file}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, testing::HasSubstr("demo-detect.pt: box AP50 0."));
  EXPECT_THAT(result.out, testing::HasSubstr("; keypoint AP50 0."));
  std::ifstream stream(file);
  const auto json = nlohmann::json::parse(stream);
  EXPECT_TRUE(json.at(demo("demo-detect.pt")).contains("bbox"));
  EXPECT_TRUE(json.at(demo("demo-pose.pt")).contains("keypoints"));
}

TEST(Val, DataThatIsNotThereIsNamed) {
  const auto result = test::run_command(val({"--model", demo("demo-detect.pt"), "--data", "nowhere"}));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, testing::HasSubstr("nowhere/annotations/instances_val2017.json"));
  EXPECT_THAT(result.err, testing::HasSubstr("val2017/ and annotations/"));
}

TEST(Val, CropsThatAreNotThereAreNamed) {
  const auto result = test::run_command(val({"--model", demo("demo-reid.pth"), "--data", demo("scenes")}));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, testing::HasSubstr("query"));
}

}  // namespace
}  // namespace peregrine
