// Graphs against what PyTorch computes from the same weights (expected.json), run by the CPU engine.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/openvino/openvino_builder.h"
#include "formats/model.h"
#include "formats/onnx/decode_head.h"
#include "generated.h"
#include "generated_osnet.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

using Outputs = std::map<std::string, std::vector<float>>;

std::filesystem::path data(const std::string& name) {
  return test::repository_file("tests/formats/data/" + name);
}

Outputs expected(const std::string& model, const char* recorded = "expected.json") {
  std::ifstream file(data(recorded));
  return nlohmann::json::parse(file).at(model).get<Outputs>();
}

Outputs run(const graph::Graph& graph) {
  const auto builder = make_openvino_builder();
  BuildOptions options;
  options.threads = 1;
  const auto engine = builder->load(builder->build(graph, options), Device::cpu());
  std::vector<HostTensor> tensors;
  std::vector<TensorView> views;
  for (const Binding& binding : engine->io()) {
    HostTensor& tensor = tensors.emplace_back(binding.dtype, binding.shape);
    for (std::int64_t i = 0; binding.is_input && i < binding.shape.elements(); ++i)
      tensor.as<float>()[i] = static_cast<float>(test::uniform("images", static_cast<std::uint32_t>(i)));
    views.push_back(tensor.view());
  }
  engine->enqueue(views, {});
  Outputs outputs;
  for (std::size_t i = 0; i < views.size(); ++i)
    if (!engine->io()[i].is_input)
      outputs[engine->io()[i].name] = {views[i].as<float>(),
                                       views[i].as<float>() + views[i].shape.elements()};
  return outputs;
}

/// Relative to each output's largest value.
void expect_close(const Outputs& actual, const Outputs& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, values] : expected) {
    ASSERT_TRUE(actual.contains(name)) << name;
    ASSERT_EQ(actual.at(name).size(), values.size()) << name;
    float largest = 0;
    for (const float value : values) largest = std::max(largest, std::abs(value));
    ASSERT_GT(largest, 0) << name;
    for (std::size_t i = 0; i < values.size(); ++i)
      ASSERT_NEAR(actual.at(name)[i], values[i], 2e-5f * largest) << name << " " << i;
  }
}

TEST(Numeric, PoseTreeWithBatchNormInHalves) {
  const Model model = load_model(data("tiny-pose.pt"));
  EXPECT_EQ(model.info().task, Task::pose);
  EXPECT_EQ(model.info().architecture, "YOLO11");
  EXPECT_EQ(model.info().class_names, (std::vector<std::string>{"person", "dog"}));
  EXPECT_EQ(model.info().keypoints, 2);
  EXPECT_EQ(model.info().keypoint_dims, 3);
  EXPECT_EQ(model.info().dfl_bins, 4);
  EXPECT_EQ(model.info().strides, (std::vector<int>{4, 8}));
  EXPECT_EQ(model.info().image_height, 224);
  EXPECT_EQ(model.info().image_width, 288);
  expect_close(run(model.graph({1, 16, 32})), expected("tiny-pose"));
}

TEST(Numeric, FusedSegmentTree) {
  const Model model = load_model(data("tiny-segment.pt"));
  EXPECT_EQ(model.info().task, Task::segment);
  EXPECT_EQ(model.info().architecture, "YOLOv8");
  EXPECT_EQ(model.info().class_names, (std::vector<std::string>{"a", "b", "class2"}));
  EXPECT_EQ(model.info().mask_channels, 4);
  EXPECT_EQ(model.info().image_height, 320);
  expect_close(run(model.graph({1, 16, 32})), expected("tiny-segment"));
}

TEST(Numeric, AreaAttentionTree) {
  const Model model = load_model(data("tiny-area.pt"));
  EXPECT_EQ(model.info().task, Task::detect);
  EXPECT_EQ(model.info().architecture, "YOLO12");
  EXPECT_EQ(model.info().strides, (std::vector<int>{4, 8}));
  expect_close(run(model.graph({1, 16, 32})), expected("tiny-area"));
}

/// A file of Ultralytics itself with its decoded head, as it computes it
/// (tools/fixtures/make_ultralytics.py).
TEST(Numeric, HeadWithOneBinIsDecodedAsUltralyticsDoes) {
  const Model model = load_model(data("one-bin.pt"));
  EXPECT_EQ(model.info().dfl_bins, 1);
  EXPECT_EQ(model.info().class_names, (std::vector<std::string>{"7", "b"}));
  EXPECT_EQ(model.info().image_height, 104);  // 100, to the next multiple of the stride
  graph::Graph graph = model.graph({1, 32, 64});
  onnx::decode_head(graph, model.info());
  expect_close(run(graph), expected("one-bin", "ultralytics.json"));
}

struct OsnetCase {
  const char* name;
  test::OsnetVariant variant;
  const char* architecture;
  const char* prefix;
  const char* wrapper;
};

class NumericOsnet : public testing::TestWithParam<OsnetCase> {};

TEST_P(NumericOsnet, GivesTheFeatures) {
  const OsnetCase& c = GetParam();
  const std::string file = test::write_state_dict(test::generated_osnet(c.variant), c.prefix, c.wrapper);
  const Model model = read_model(std::as_bytes(std::span(file)), "osnet.pth");
  EXPECT_EQ(model.info().task, Task::reid);
  EXPECT_EQ(model.info().architecture, c.architecture);
  EXPECT_EQ(model.info().embedding, 16);
  expect_close(run(model.graph({1, 64, 32})), expected(std::string("osnet-") + c.name));
}

INSTANTIATE_TEST_SUITE_P(
    Variants, NumericOsnet,
    testing::Values(OsnetCase{"plain", test::OsnetVariant::plain, "OSNet width 8", "module.", "state_dict"},
                    OsnetCase{"ibn", test::OsnetVariant::ibn, "OSNet-IBN width 8", "", ""},
                    OsnetCase{"ain", test::OsnetVariant::ain, "OSNet-AIN width 8", "", "state_dict"}),
    [](const auto& test) { return std::string(test.param.name); });

struct OsnetSize {
  const char* name;
  std::array<int, 4> widths;
};

class OsnetSizes : public testing::TestWithParam<OsnetSize> {};

TEST_P(OsnetSizes, AreKnownByTheirKeysAlone) {
  const std::string file = test::write_state_dict(
      test::generated_osnet(test::OsnetVariant::plain, GetParam().widths, 512), "", "");
  const Model model = read_model(std::as_bytes(std::span(file)), "any-name.pth");
  EXPECT_EQ(model.info().task, Task::reid);
  EXPECT_EQ(model.info().architecture, std::string("OSNet ") + GetParam().name);
  EXPECT_EQ(model.info().embedding, 512);
  const Outputs outputs = run(model.graph({2, 256, 128}));
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs.begin()->second.size(), 2u * 512);
}

INSTANTIATE_TEST_SUITE_P(Stock, OsnetSizes,
                         testing::Values(OsnetSize{"x0_25", {16, 64, 96, 128}},
                                         OsnetSize{"x0_5", {32, 128, 192, 256}},
                                         OsnetSize{"x0_75", {48, 192, 288, 384}},
                                         OsnetSize{"x1_0", {64, 256, 384, 512}}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace peregrine
