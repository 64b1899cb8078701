// Whole models through every engine, all outputs against the reference executor.
#include <gmock/gmock.h>

#include <algorithm>

#include "engine/conformance/conformance.h"
#include "engine/conformance/engines.h"
#include "formats/model.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

class WholeModels : public ::testing::TestWithParam<const test::EngineUnderTest*> {
 protected:
  void SetUp() override {
    if (const std::string why = test::missing(*GetParam()); !why.empty()) GTEST_SKIP() << "skipped: " << why;
  }

  /// A hundred FP32 operators in a row: 1e-4 of each tensor's largest value.
  void expect_agreement(const conformance::CaseResult& case_result) const {
    ASSERT_TRUE(case_result.ran()) << ::testing::PrintToString(case_result.refused);
    for (const conformance::OutputComparison& output : case_result.comparisons)
      EXPECT_LE(output.difference, 1e-4) << output.output;
  }

  BuildOptions options() const { return {.precision = Precision::fp32, .device = GetParam()->device}; }
};

TEST_P(WholeModels, OfTheSharedDataAgreeInEveryOutput) {
  PEREGRINE_NEED_SHARED_DATA(data);
  for (const char* file : {"yolo11n.pt", "yolo11n-pose.pt", "yolo11n-seg.pt", "yolov8n.pt"}) {
    SCOPED_TRACE(file);
    const Model model = load_model(data / "weights" / file);
    const conformance::Case test{file, [&] { return model.graph({.batch = 1, .height = 96, .width = 160}); }};
    expect_agreement(conformance::run(test, *GetParam()->make(), options()));
  }
  SCOPED_TRACE("osnet");
  const Model model = load_model(data / "weights" / "osnet_x0_25_msmt17.pth");
  const conformance::Case test{"osnet", [&] { return model.graph({.batch = 2, .height = 64, .width = 32}); }};
  expect_agreement(conformance::run(test, *GetParam()->make(), options()));
}

TEST_P(WholeModels, RunAtAnySizeFromOnePlan) {
  PEREGRINE_NEED_SHARED_DATA(data);
  if (!GetParam()->open_shapes) GTEST_SKIP() << "skipped: shapes are fixed when this engine is built";
  for (const char* file : {"yolo11n.pt", "yolo11n-seg.pt"}) {
    SCOPED_TRACE(file);
    const Model model = load_model(data / "weights" / file);
    const conformance::OpenShapeCase test{
        file, [&](std::int64_t batch, std::int64_t height, std::int64_t width) {
          // The suite's sizes times eight: multiples of the largest stride.
          return model.graph(
              {static_cast<int>(batch), static_cast<int>(height) * 8, static_cast<int>(width) * 8});
        }};
    expect_agreement(conformance::run(test, *GetParam()->make(), options()));
  }
}

std::vector<const test::EngineUnderTest*> pointers() {
  std::vector<const test::EngineUnderTest*> all;
  for (const test::EngineUnderTest& engine : test::engines()) all.push_back(&engine);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Engines, WholeModels, ::testing::ValuesIn(pointers()), [](const auto& info) {
  std::string name = info.param->make()->name();
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace peregrine
