// The whole way on the GPU against the FP32 results of Ultralytics and PyTorch, to the limits that we
// promise.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cuda/graph.h"
#include "golden.h"
#include "gpu_fixture.h"
#include "parity/parity.h"
#include "predictor/gpu/gpu_reid.h"
#include "stages/preprocess/letterbox.h"
#include "support/cuda_device.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using test::Hand;

/// FP32 engines, on the pixels that the reference saw.
ParityLimits fp32_limits() {
  return {.min_confidence = 0.252f,  // the goldens end at 0.25
          .box_px = 0.5f,
          .confidence = 0.002f,
          .mask_iou = 0.99f,
          .keypoint_px = 0.5f,
          .embedding_cosine = 0.9999f,
          .share_before_nms = 1,
          .share_after_nms = 1};
}

struct Case {
  const char* golden;  ///< without ".json"
  const char* model;
  bool rect = false;
  std::optional<InputSize> imgsz = {};  ///< nothing: the training size
};

struct LoadedImage {
  std::map<std::string, std::vector<Object>> golden;
  std::vector<test::InputImage> images;
};

LoadedImage load(const fs::path& golden, const std::function<fs::path(const std::string&)>& image_of) {
  LoadedImage loaded{test::read_golden(golden), {}};
  for (const auto& [name, objects] : loaded.golden) loaded.images.push_back(test::read_image(image_of(name)));
  return loaded;
}

std::vector<parity::ParityCandidate> candidates_of(const ImageResult& result) {
  std::vector<parity::ParityCandidate> candidates;
  for (const Object& object : result.objects)
    candidates.push_back({object.box, object.confidence, object.class_id});
  return candidates;
}

parity::Parity parity_of(const LoadedImage& loaded, const std::vector<ImageResult>& results,
                         const std::vector<ImageResult>& candidates, const ParityLimits& limits) {
  parity::Parity parity(limits);
  for (std::size_t i = 0; i < loaded.images.size(); ++i) {
    const std::string& name = loaded.images[i].name;
    const auto before_nms =
        candidates.empty() ? std::vector<parity::ParityCandidate>{} : candidates_of(candidates[i]);
    parity::ParityInput input{name, loaded.golden.at(name), results[i].objects, before_nms};
    if (!candidates.empty()) input.unsuppressed = [&] { return candidates[i].objects; };
    parity.add(input);
  }
  return parity;
}

void print(const std::string& title, const parity::Parity& parity) {
  std::printf(
      "%s: %d objects, %d found, %d NMS ties, %d extra; worst box %.3f px, confidence %.4f, keypoint %.3f "
      "px, mask IoU %.4f\n",
      title.c_str(), parity.objects(), parity.found(), parity.nms_ties(), parity.extra(),
      static_cast<double>(parity.worst_box_px()), static_cast<double>(parity.worst_confidence()),
      static_cast<double>(parity.worst_keypoint_px()), static_cast<double>(parity.worst_mask_iou()));
  for (const auto& mismatch : parity.mismatches())
    std::printf("  %s: %s%s\n", mismatch.image.c_str(), mismatch.what.c_str(),
                mismatch.nms_tie ? " (NMS tie)" : "");
}

void expect_parity(const LoadedImage& loaded, const fs::path& model, Precision precision, int batch,
                   const Case& asked) {
  const std::string title =
      model.filename().string() + " " + to_string(precision) + " batch " + std::to_string(batch);
  SCOPED_TRACE(title);
  test::GpuRun run{
      .models = {model}, .precision = precision, .batch = batch, .rect = asked.rect, .imgsz = asked.imgsz};
  const auto runner = test::make_gpu_runner(run);
  EXPECT_EQ(runner->info().precision, precision);
  const auto results = test::run_images(*runner, batch, loaded.images, Hand::pixels);
  if (precision == Precision::fp32) {
    const auto parity = parity_of(loaded, results, {}, fp32_limits());
    print(title, parity);
    EXPECT_EQ(parity.found(), parity.objects());
    EXPECT_EQ(parity.extra(), 0);
    EXPECT_GE(parity.worst_mask_iou(), fp32_limits().mask_iou);
    EXPECT_LE(parity.worst_keypoint_px(), fp32_limits().keypoint_px);
    EXPECT_GT(parity.objects(), 10);
    return;
  }
  run.without_nms = true;
  const auto all = test::make_gpu_runner(run);
  const auto candidates = test::run_images(*all, batch, loaded.images, Hand::pixels);
  const auto parity = parity_of(loaded, results, candidates, {});
  print(title, parity);
  EXPECT_TRUE(parity.passed());
  EXPECT_GT(parity.objects(), 10);
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.golden;
  std::ranges::replace(name, '-', '_');
  return name;
}

const auto shared_cases = testing::Values(
    Case{"yolo11n", "yolo11n.pt"}, Case{"yolo11n-pose", "yolo11n-pose.pt"},
    Case{"yolo11n-seg", "yolo11n-seg.pt"}, Case{"yolov8n", "yolov8n.pt"},
    Case{"yolo11n-rect", "yolo11n.pt", true}, Case{"yolo11n-pose-rect", "yolo11n-pose.pt", true},
    Case{"yolo11n-seg-rect", "yolo11n-seg.pt", true});
const auto demo_cases =
    testing::Values(Case{"demo-detect", "demo-detect.pt"}, Case{"demo-pose", "demo-pose.pt"},
                    Case{"demo-segment", "demo-segment.pt"}, Case{"demo-pose-rect", "demo-pose.pt", true},
                    Case{"demo-detect-wide", "demo-detect.pt", false, InputSize(192, 320)},
                    Case{"demo-detect-wide-rect", "demo-detect.pt", true, InputSize(192, 320)},
                    Case{"demo-segment-wide-rect", "demo-segment.pt", true, InputSize(192, 320)});

class GpuGolden : public testing::TestWithParam<Case> {};

TEST_P(GpuGolden, BothPrecisionsKeepTheirLimits) {
  PEREGRINE_NEED_CUDA_DEVICE();
  PEREGRINE_NEED_SHARED_DATA(data);
  const auto [golden, model, rect, imgsz] = GetParam();
  const LoadedImage loaded = load(data / "golden" / (std::string(golden) + ".json"),
                                  [&](const std::string& name) { return test::golden_image(data, name); });
  for (const int batch : {1, 4}) {
    if (rect && batch == 1) continue;  // the sizes are the same ones, and each is an engine
    for (const Precision precision : {Precision::fp16, Precision::fp32})
      expect_parity(loaded, data / "weights" / model, precision, batch, GetParam());
  }
}

/// What nvJPEG's other rounding does to results is measured, and bounded by the limits of FP16.
TEST_P(GpuGolden, ImagesDecodedOnTheGpuKeepTheLimitsOfFp16) {
  PEREGRINE_NEED_CUDA_DEVICE();
  PEREGRINE_NEED_SHARED_DATA(data);
  const auto [golden, model, rect, imgsz] = GetParam();
  if (rect) GTEST_SKIP() << "skipped: sizes make no difference to decoding";
  const LoadedImage loaded = load(data / "golden" / (std::string(golden) + ".json"),
                                  [&](const std::string& name) { return test::golden_image(data, name); });
  for (const Precision precision : {Precision::fp16, Precision::fp32}) {
    const test::GpuRun run{.models = {data / "weights" / model}, .precision = precision, .batch = 4};
    const auto results = test::run_images(*test::make_gpu_runner(run), run.batch, loaded.images, Hand::files);
    EXPECT_TRUE(std::ranges::none_of(results, &ImageResult::host_decoded));
    test::GpuRun all = run;
    all.without_nms = true;
    const auto candidates =
        test::run_images(*test::make_gpu_runner(all), run.batch, loaded.images, Hand::files);
    const auto parity = parity_of(loaded, results, candidates, {});
    print(std::string(model) + " " + to_string(precision) + ", decoded by nvJPEG", parity);
    EXPECT_TRUE(parity.passed());
  }
}

INSTANTIATE_TEST_SUITE_P(Ultralytics, GpuGolden, shared_cases, test_name);

class GpuDemoGolden : public testing::TestWithParam<Case> {};

TEST_P(GpuDemoGolden, BothPrecisionsKeepTheirLimits) {
  PEREGRINE_NEED_CUDA_DEVICE();
  const auto [golden, model, rect, imgsz] = GetParam();
  const auto demo = test::repository_file("models/demo");
  const LoadedImage loaded =
      load(test::repository_file("tests/predictor/data") / (std::string(golden) + ".json"),
           [&](const std::string& name) { return demo / "scenes" / "val2017" / name; });
  for (const int batch : {1, 4})
    for (const Precision precision : {Precision::fp16, Precision::fp32})
      expect_parity(loaded, demo / model, precision, batch, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Ultralytics, GpuDemoGolden, demo_cases, test_name);

/// Whole images as persons, all in one call: more than the largest round takes.
void expect_embeddings(const fs::path& golden_file, const fs::path& model, const fs::path& crops,
                       Precision precision) {
  SCOPED_TRACE(to_string(precision));
  std::ifstream file(golden_file);
  const auto golden = nlohmann::json::parse(file).at("images");
  const int count = static_cast<int>(golden.size());
  predictor::GpuReid reid(load_model(model), test::untuned_cuda(precision), count);
  const cuda::Stream stream = cuda::Stream::create();
  std::vector<cuda::DeviceBuffer> memory;
  std::vector<preprocess::InputImage> images;
  std::vector<Crop> boxes;
  for (const auto& crop : golden) {
    const HostImage image = test::read_image(crops / crop.at("path").get<std::string>()).pixels;
    memory.push_back(test::upload(image.pixels, stream.get()));
    images.push_back({reinterpret_cast<const std::uint8_t*>(memory.back().data()), image.view().pitch,
                      image.order, preprocess::letterbox(image.width, image.height, 640, 640)});
    boxes.push_back({{0, 0, static_cast<float>(image.width), static_cast<float>(image.height)},
                     static_cast<int>(boxes.size())});
  }
  const auto descriptors = test::upload(images, stream.get());
  cuda::copy_to_device("test", reid.crops(), boxes.data(), boxes.size() * sizeof(Crop), stream.get());
  cuda::copy_to_device("test", reid.count(), &count, sizeof count, stream.get());
  stream.synchronize();
  const auto graph = cuda::Graph::capture(stream.get(), [&] {
    reid.capture(reinterpret_cast<const preprocess::InputImage*>(descriptors.data()), stream.get());
  });
  graph.launch(stream.get());
  stream.synchronize();
  float worst = 1;
  for (int i = 0; i < count; ++i) {
    const auto expected = golden[static_cast<std::size_t>(i)].at("embedding").get<std::vector<float>>();
    worst = std::min(worst, parity::cosine(reid.embedding(i), expected));
  }
  std::printf("%s %s: %d persons, worst cosine %.6f\n", model.filename().c_str(), to_string(precision), count,
              static_cast<double>(worst));
  EXPECT_GE(worst, precision == Precision::fp16 ? 0.999f : 0.9999f);
}

TEST(GpuGoldenReid, EmbeddingsHaveTheReferencesDirection) {
  PEREGRINE_NEED_CUDA_DEVICE();
  PEREGRINE_NEED_SHARED_DATA(data);
  for (const Precision precision : {Precision::fp16, Precision::fp32})
    expect_embeddings(data / "golden" / "osnet_x0_25.json", data / "weights" / "osnet_x0_25_msmt17.pth",
                      data / "reid", precision);
}

TEST(GpuDemoGoldenReid, EmbeddingsHaveTheReferencesDirection) {
  PEREGRINE_NEED_CUDA_DEVICE();
  const auto demo = test::repository_file("models/demo");
  for (const Precision precision : {Precision::fp16, Precision::fp32})
    expect_embeddings(test::repository_file("tests/predictor/data/demo-reid.json"), demo / "demo-reid.pth",
                      demo / "scenes" / "reid" / "query", precision);
}

/// Models side by side find what each finds alone, to the bit: branches of one graph do not disturb each
/// other.
void expect_side_by_side(const std::vector<fs::path>& models, const fs::path& reid,
                         const std::vector<test::InputImage>& images) {
  for (const int batch : {1, 4}) {
    SCOPED_TRACE(batch);
    const auto together = test::make_gpu_runner({.models = models, .reid = reid, .batch = batch});
    const auto results = test::run_images(*together, batch, images, Hand::pixels);
    for (std::size_t m = 0; m < models.size(); ++m) {
      SCOPED_TRACE(models[m].filename());
      const auto alone = test::make_gpu_runner({.models = {models[m]}, .batch = batch});
      const auto expected = test::run_images(*alone, batch, images, Hand::pixels);
      for (std::size_t i = 0; i < images.size(); ++i) {
        std::vector<Object> got;
        std::ranges::copy_if(results[i].objects, std::back_inserter(got),
                             [&](const Object& object) { return object.model == static_cast<int>(m); });
        ASSERT_EQ(got.size(), expected[i].objects.size()) << images[i].name;
        for (std::size_t k = 0; k < got.size(); ++k) {
          EXPECT_EQ(got[k].box, expected[i].objects[k].box);
          EXPECT_EQ(got[k].confidence, expected[i].objects[k].confidence);
          EXPECT_EQ(got[k].keypoints.size(), expected[i].objects[k].keypoints.size());
          EXPECT_EQ(got[k].mask.has_value(), expected[i].objects[k].mask.has_value());
          const bool person =
              together->models()[m].class_names[static_cast<std::size_t>(got[k].class_id)] == "person";
          EXPECT_EQ(got[k].embedding.empty(), !person);
        }
      }
    }
  }
}

TEST(GpuSideBySide, SharedModelsFindWhatEachFindsAlone) {
  PEREGRINE_NEED_CUDA_DEVICE();
  PEREGRINE_NEED_SHARED_DATA(data);
  std::vector<test::InputImage> images;
  for (const char* name :
       {"bus.jpg", "zidane.jpg", "000000000139.jpg", "000000011813.jpg", "000000099053.jpg"})
    images.push_back(test::read_image(test::golden_image(data, name)));
  const fs::path weights = data / "weights";
  expect_side_by_side({weights / "yolo11n.pt", weights / "yolo11n-pose.pt", weights / "yolo11n-seg.pt",
                       weights / "yolov8n.pt"},
                      weights / "osnet_x0_25_msmt17.pth", images);
}

TEST(GpuSideBySide, DemoModelsFindWhatEachFindsAlone) {
  PEREGRINE_NEED_CUDA_DEVICE();
  const auto demo = test::repository_file("models/demo");
  std::vector<test::InputImage> images;
  for (const auto& [name, objects] :
       test::read_golden(test::repository_file("tests/predictor/data/demo-pose.json")))
    if (images.size() < 6) images.push_back(test::read_image(demo / "scenes" / "val2017" / name));
  expect_side_by_side({demo / "demo-detect.pt", demo / "demo-pose.pt", demo / "demo-segment.pt"},
                      demo / "demo-reid.pth", images);
}

}  // namespace
}  // namespace peregrine
