// `explain`: equal engines part nowhere; coarser ones part where the numbers say; wrong names are refused.
#include "tools/compare/explain.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "peregrine/error.h"
#include "support/test_data.h"
#include "tools/compare/layers.h"

namespace peregrine {
namespace {

using testing::HasSubstr;

class Explain : public testing::Test {
 protected:
  Explain() {
    settings_.force_gpu_only = false;
    settings_.store = folder_.path() / "store";
    settings_.imgsz = 160;
  }
  compare::ExplainReport run(const std::string& a, const std::string& b) const {
    return compare::run(settings_, a, b, image_);
  }
  static std::string demo(const std::string& name) {
    return test::repository_file("models/demo/" + name).string();
  }

  test::TemporaryFolder folder_;
  Settings settings_;
  std::filesystem::path image_ = test::repository_file("models/demo/scenes/val2017/000000.jpg");
};

TEST_F(Explain, AnEnginePartsNowhereFromItself) {
  const auto report = run(demo("demo-segment.pt"), demo("demo-segment.pt") + "@openvino:fp32");
  EXPECT_EQ(report.first_mismatch(), nullptr) << report.first_mismatch()->what;
  EXPECT_EQ(report.first_difference(), nullptr);
  std::vector<std::string> stages;
  for (const auto& step : report.steps)
    if (stages.empty() || stages.back() != step.stage) stages.push_back(step.stage);
  EXPECT_THAT(stages, testing::ElementsAre("decode", "resize", "layer", "head", "candidates", "NMS", "masks",
                                           "pipeline"));
}

TEST_F(Explain, ACoarserPrecisionPartsInsideAndTheNumbersSayWhere) {
  const auto report =
      run(demo("demo-detect.pt") + "@openvino:fp32", demo("demo-detect.pt") + "@openvino:bf16");
  if (report.b.find("in bf16") == std::string::npos) GTEST_SKIP() << "this CPU runs no bf16: " << report.b;
  const compare::ComparedStep* different = report.first_difference();
  ASSERT_NE(different, nullptr);
  EXPECT_EQ(different->stage, "layer");
  EXPECT_GT(different->difference, 1e-6);
  EXPECT_LT(different->difference, 0.05);  // one layer's rounding
  EXPECT_DOUBLE_EQ(different->limit, 0.08);
}

TEST_F(Explain, AnotherInputSizeDeviatesAtTheResize) {
  (void)run(demo("demo-detect.pt"), demo("demo-detect.pt"));
  const auto ids = std::filesystem::directory_iterator(settings_.store / "engines");
  const std::string id = ids->path().filename().string();
  settings_.imgsz = 192;
  const auto report = run(id, demo("demo-detect.pt"));
  ASSERT_NE(report.first_mismatch(), nullptr);
  EXPECT_EQ(report.first_mismatch()->stage, "resize");
  EXPECT_THAT(report.a, HasSubstr("engine " + id));
}

TEST_F(Explain, ACachedEngineShowsItsLayersWhereTheModelIsAtHand) {
  (void)run(demo("demo-detect.pt"), demo("demo-detect.pt"));
  const std::string id =
      std::filesystem::directory_iterator(settings_.store / "engines")->path().filename().string();
  const auto has_layers = [](const compare::ExplainReport& report) {
    return std::ranges::any_of(report.steps,
                               [](const compare::ComparedStep& step) { return step.stage == "layer"; });
  };
  EXPECT_TRUE(has_layers(run(id.substr(0, 6), demo("demo-detect.pt"))));
  EXPECT_FALSE(has_layers(run(id, id)));
  settings_.detect_model = demo("demo-detect.pt");
  EXPECT_TRUE(has_layers(run(id, id)));
}

TEST_F(Explain, JsonNamesTheFirstMismatch) {
  settings_.limits.box_px = -1;  // nothing holds
  const auto json =
      nlohmann::json::parse(compare::to_json(run(demo("demo-detect.pt"), demo("demo-detect.pt"))));
  EXPECT_EQ(json.at("first_departure"), "candidates");
  EXPECT_GT(json.at("steps").size(), 20U);
}

TEST_F(Explain, WrongNames) {
  const auto code = [&](const std::string& a, const std::string& b) -> std::string {
    try {
      run(a, b);
    } catch (const Error& error) {
      return std::string(error.code());
    }
    return "";
  };
  EXPECT_EQ(code("none.pt", demo("demo-detect.pt")), "usage.explain");
  EXPECT_EQ(code(demo("demo-detect.pt"), "0123456789abcdef"), "store.missing");
  EXPECT_EQ(code(demo("demo-detect.pt") + "@openvino:fp8", demo("demo-detect.pt")), "usage.precision");
  EXPECT_EQ(code(demo("demo-detect.pt") + "@abacus", demo("demo-detect.pt")), "usage.engine");
  EXPECT_EQ(code(demo("demo-detect.pt"), demo("demo-pose.pt")), "usage.explain");
}

}  // namespace
}  // namespace peregrine
