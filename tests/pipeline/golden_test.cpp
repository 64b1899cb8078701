// The CPU engine in FP32 against Ultralytics' own results, to the limits that we promise.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "decode/decode.h"
#include "engine/openvino/openvino_builder.h"
#include "golden.h"
#include "model/model.h"
#include "peregrine/pipeline.h"
#include "pipeline/model_engine.h"
#include "preprocess/preprocess.h"
#include "support/test_data.h"
#include "validate/parity.h"

namespace peregrine {
namespace {

constexpr float threshold = 0.25f;

struct Case {
  const char* golden;
  const char* model;
  bool rect;
};

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, EveryObjectIsFoundAndNoneIsExtra) {
  PEREGRINE_NEED_SHARED_DATA(data);
  Settings settings = load_settings({}).settings;
  settings.force_gpu_only = false;
  PipelineOptions options;
  options.models = {data / "weights" / GetParam().model};
  options.rect = GetParam().rect;
  options.engine = "openvino";
  Pipeline pipeline(settings, options);
  const auto golden = test::read_golden(data / "golden" / GetParam().golden);
  std::vector<std::string> sources;
  for (const auto& [name, objects] : golden) sources.push_back(test::golden_picture(data, name).string());
  validate::ParityLimits limits;
  limits.min_confidence = threshold + 0.002f;
  limits.box_px = 0.5f;
  limits.confidence = 0.002f;
  limits.mask_iou = 0.99f;
  limits.keypoint_px = 0.5f;
  limits.share_before_nms = limits.share_after_nms = 1;
  validate::Parity parity(limits);
  pipeline.run(sources, [&](const Outcome& outcome) {
    EXPECT_FALSE(outcome.error) << outcome.error->what();
    if (!outcome.result) return false;
    const std::string name = std::filesystem::path(outcome.path).filename().string();
    parity.add({name, golden.at(name), outcome.result->objects, {}});
    return true;
  });
  std::printf("%s: %d objects, worst box %.4f px, confidence %.6f, keypoint %.4f px, mask IoU %.5f\n", GetParam().golden,
              parity.objects(), static_cast<double>(parity.worst_box_px()), static_cast<double>(parity.worst_confidence()),
              static_cast<double>(parity.worst_keypoint_px()), static_cast<double>(parity.worst_mask_iou()));
  for (const auto& departure : parity.departures()) ADD_FAILURE() << departure.picture << ": " << departure.what;
  EXPECT_GT(parity.objects(), 10);
  EXPECT_EQ(parity.found(), parity.objects());
  EXPECT_EQ(parity.extra(), 0);
  EXPECT_GE(parity.worst_mask_iou(), limits.mask_iou);
  EXPECT_LE(parity.worst_keypoint_px(), limits.keypoint_px);
}

INSTANTIATE_TEST_SUITE_P(Ultralytics, Golden,
                         testing::Values(Case{"yolo11n.json", "yolo11n.pt", false},
                                         Case{"yolo11n-pose.json", "yolo11n-pose.pt", false},
                                         Case{"yolo11n-seg.json", "yolo11n-seg.pt", false},
                                         Case{"yolov8n.json", "yolov8n.pt", false}, Case{"yolo11n-rect.json", "yolo11n.pt", true},
                                         Case{"yolo11n-pose-rect.json", "yolo11n-pose.pt", true},
                                         Case{"yolo11n-seg-rect.json", "yolo11n-seg.pt", true}),
                         [](const auto& info) {
                           std::string name = info.param.golden;
                           name.resize(name.find('.'));
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

TEST(GoldenReid, EmbeddingsHaveTheReferencesDirection) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const pipeline::EngineChoice choice{make_openvino_builder(), Device::cpu(), "", Precision::fp32};
  pipeline::ModelEngine engine(load_model(data / "weights" / "osnet_x0_25_msmt17.pth"), choice, {1, 256, 128}, false);
  std::ifstream stream(data / "golden" / "osnet_x0_25.json");
  const auto golden = nlohmann::json::parse(stream).at("images");
  ASSERT_EQ(golden.size(), 60u);
  HostTensor input(DType::f32, {1, 3, 256, 128});
  for (const auto& crop : golden) {
    const std::string name = crop.at("path");
    std::ifstream file(data / "reid" / name, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const HostImage image = decode::decode_image(std::as_bytes(std::span(bytes)), name);
    const auto width = static_cast<float>(image.width), height = static_cast<float>(image.height);
    ASSERT_TRUE(preprocess::reid_crop_into(image.view(), {0, 0, width, height}, input.view(), 0));
    const TensorView features = engine.run(input.view()).front().view;
    const auto expected = crop.at("embedding").get<std::vector<float>>();
    EXPECT_GE(validate::cosine({features.as<float>(), expected.size()}, expected), 0.9999f) << name;
  }
}

}  // namespace
}  // namespace peregrine
