// The CPU engine in FP32 against Ultralytics' own results, to the limits that we promise.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/openvino/openvino_builder.h"
#include "formats/model.h"
#include "golden.h"
#include "parity/parity.h"
#include "peregrine/pipeline.h"
#include "predictor/models/model_engine.h"
#include "stages/decode/decode.h"
#include "stages/preprocess/preprocess.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

constexpr float threshold = 0.25f;

struct Case {
  const char* golden;  ///< without ".json"
  const char* model;
  bool rect = false;
  std::optional<InputSize> imgsz = {};  ///< nothing: the training size
};

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.golden;
  std::ranges::replace(name, '-', '_');
  return name;
}

using ImageOf = std::function<std::filesystem::path(const std::string& name)>;

/// Every object of the golden is found and none is extra.
void expect_golden(const std::filesystem::path& golden_file, const std::filesystem::path& model,
                   const Case& asked, const ImageOf& image_of) {
  Settings settings = load_settings({}).settings;
  settings.store.clear();  // not the user's: engines are built anew
  settings.force_gpu_only = false;
  settings.imgsz = asked.imgsz;
  PipelineOptions options;
  options.models = {model};
  options.rect = asked.rect;
  options.engine = "openvino";
  Pipeline pipeline(settings, options);
  const auto golden = test::read_golden(golden_file);
  std::vector<std::string> sources;
  for (const auto& [name, objects] : golden) sources.push_back(image_of(name).string());
  ParityLimits limits;
  limits.min_confidence = threshold + 0.002f;
  limits.box_px = 0.5f;
  limits.confidence = 0.002f;
  limits.mask_iou = 0.99f;
  limits.keypoint_px = 0.5f;
  limits.share_before_nms = limits.share_after_nms = 1;
  parity::Parity parity(limits);
  pipeline.run(sources, [&](const FrameResult& frame_result) {
    EXPECT_FALSE(frame_result.error) << frame_result.error->what();
    if (!frame_result.result) return false;
    const std::string name = std::filesystem::path(frame_result.path).filename().string();
    parity.add({name, golden.at(name), frame_result.result->objects, {}});
    return true;
  });
  std::printf("%s: %d objects, worst box %.4f px, confidence %.6f, keypoint %.4f px, mask IoU %.5f\n",
              golden_file.stem().c_str(), parity.objects(), static_cast<double>(parity.worst_box_px()),
              static_cast<double>(parity.worst_confidence()), static_cast<double>(parity.worst_keypoint_px()),
              static_cast<double>(parity.worst_mask_iou()));
  for (const auto& mismatch : parity.mismatches()) ADD_FAILURE() << mismatch.image << ": " << mismatch.what;
  EXPECT_GT(parity.objects(), 10);
  EXPECT_EQ(parity.found(), parity.objects());
  EXPECT_EQ(parity.extra(), 0);
  EXPECT_GE(parity.worst_mask_iou(), limits.mask_iou);
  EXPECT_LE(parity.worst_keypoint_px(), limits.keypoint_px);
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, EveryObjectIsFoundAndNoneIsExtra) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const Case& asked = GetParam();
  expect_golden(data / "golden" / (std::string(asked.golden) + ".json"), data / "weights" / asked.model,
                asked, [&](const std::string& name) { return test::golden_image(data, name); });
}

INSTANTIATE_TEST_SUITE_P(Ultralytics, Golden,
                         testing::Values(Case{"yolo11n", "yolo11n.pt"},
                                         Case{"yolo11n-pose", "yolo11n-pose.pt"},
                                         Case{"yolo11n-seg", "yolo11n-seg.pt"}, Case{"yolov8n", "yolov8n.pt"},
                                         Case{"yolo11n-rect", "yolo11n.pt", true},
                                         Case{"yolo11n-pose-rect", "yolo11n-pose.pt", true},
                                         Case{"yolo11n-seg-rect", "yolo11n-seg.pt", true}),
                         test_name);

// The same checks where there is no shared data: the demo models on their held-out scenes.
class DemoGolden : public testing::TestWithParam<Case> {};

TEST_P(DemoGolden, EveryObjectIsFoundAndNoneIsExtra) {
  const Case& asked = GetParam();
  const auto demo = test::repository_file("models/demo");
  expect_golden(test::repository_file("tests/predictor/data") / (std::string(asked.golden) + ".json"),
                demo / asked.model, asked,
                [&](const std::string& name) { return demo / "scenes" / "val2017" / name; });
}

INSTANTIATE_TEST_SUITE_P(
    Ultralytics, DemoGolden,
    testing::Values(Case{"demo-detect", "demo-detect.pt"}, Case{"demo-pose", "demo-pose.pt"},
                    Case{"demo-pose-rect", "demo-pose.pt", true}, Case{"demo-segment", "demo-segment.pt"},
                    Case{"demo-detect-wide", "demo-detect.pt", false, InputSize(192, 320)},
                    Case{"demo-detect-wide-rect", "demo-detect.pt", true, InputSize(192, 320)},
                    Case{"demo-detect-odd-rect", "demo-detect.pt", true, InputSize(100, 200)},
                    Case{"demo-segment-wide-rect", "demo-segment.pt", true, InputSize(192, 320)}),
    test_name);

/// Embeddings of whole images point where torch's do.
void expect_embeddings(const std::filesystem::path& golden_file, const std::filesystem::path& model,
                       const std::filesystem::path& crops, std::size_t count) {
  const engine_cache::EngineContext context{make_openvino_builder(), Device::cpu(), "", Precision::fp32};
  predictor::ModelEngine engine(load_model(model), context, {1, 256, 128}, false);
  std::ifstream stream(golden_file);
  const auto golden = nlohmann::json::parse(stream).at("images");
  ASSERT_EQ(golden.size(), count);
  HostTensor input(DType::f32, {1, 3, 256, 128});
  for (const auto& crop : golden) {
    const std::string name = crop.at("path");
    std::ifstream file(crops / name, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const HostImage image = decode::decode_image(std::as_bytes(std::span(bytes)), name);
    const auto width = static_cast<float>(image.width), height = static_cast<float>(image.height);
    ASSERT_TRUE(preprocess::reid_crop_into(image.view(), {0, 0, width, height}, input.view(), 0));
    const TensorView features = engine.run(input.view()).front().view;
    const auto expected = crop.at("embedding").get<std::vector<float>>();
    EXPECT_GE(parity::cosine({features.as<float>(), expected.size()}, expected), 0.9999f) << name;
  }
}

TEST(GoldenReid, EmbeddingsHaveTheReferencesDirection) {
  PEREGRINE_NEED_SHARED_DATA(data);
  expect_embeddings(data / "golden" / "osnet_x0_25.json", data / "weights" / "osnet_x0_25_msmt17.pth",
                    data / "reid", 60);
}

TEST(DemoGoldenReid, EmbeddingsHaveTheReferencesDirection) {
  const auto demo = test::repository_file("models/demo");
  expect_embeddings(test::repository_file("tests/predictor/data/demo-reid.json"), demo / "demo-reid.pth",
                    demo / "scenes" / "reid" / "query", 10);
}

}  // namespace
}  // namespace peregrine
