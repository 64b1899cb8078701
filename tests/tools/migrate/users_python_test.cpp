// The user's own PyTorch, where there is one (PEREGRINE_TEST_PYTHON): what the scripts make of Ultralytics'
// public interface.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "core/os/read_whole_file.h"
#include "formats/model.h"
#include "graph/passes.h"
#include "graph/reference.h"
#include "parity/parity.h"
#include "stages/decode/decode.h"
#include "stages/preprocess/preprocess.h"
#include "support/test_data.h"
#include "tools/migrate/baseline/persons.h"
#include "tools/migrate/baseline/pytorch.h"
#include "tools/validate/validation.h"

namespace peregrine::migrate {
namespace {

using testing::HasSubstr;

/// The Python of a user who has torch and ultralytics; nothing elsewhere.
class UsersOwn : public testing::Test {
 protected:
  void SetUp() override {
    const char* program = std::getenv("PEREGRINE_TEST_PYTHON");
    python_ = doctor::find_python(program ? program : "", std::chrono::seconds(60));
    if (!python_.usable())
      GTEST_SKIP() << "no Python with torch and ultralytics (set PEREGRINE_TEST_PYTHON): " << python_.why;
    request_.python = python_.program;
    request_.executable = folder_.path() / "peregrine";
    std::ofstream(request_.executable) << R"(#!/bin/sh
echo '{"measurements": [{"engine": "openvino", "precision": "fp32",'
echo '"latency_ms": {"p50": 4, "p90": 4, "p99": 4}, "start_up_ms": 1, "peak_rss_mib": 300}]}'
)";
    std::filesystem::permissions(request_.executable, std::filesystem::perms::owner_all);
    request_.settings.force_gpu_only = false;
    request_.batches = {1};
    request_.runs = 2;
  }
  void use(const std::string& demo) {
    request_.model = test::repository_file("models/demo/" + demo);
    request_.model_info = load_model(request_.model).info();
  }

  test::TemporaryFolder folder_;
  doctor::FoundPython python_;
  SpeedRequest request_;
};

TEST_F(UsersOwn, PyTorchIsMeasured) {
  use("demo-detect.pt");
  request_.settings.imgsz = 160;
  request_.batches = {1, 2};
  const BaselineComparison comparison = compare_with_baseline(request_);
  const SpeedComparison& speed = comparison.speed;
  ASSERT_EQ(speed.baseline.size(), 2U) << speed.note;
  EXPECT_THAT(speed.baseline[0].subject, HasSubstr("PyTorch"));
  EXPECT_GT(speed.baseline[0].p50_ms, 0);
  EXPECT_GT(speed.baseline[0].start_ms, speed.baseline[0].p50_ms);
  EXPECT_GT(speed.baseline[0].memory_mb, 50);
  EXPECT_EQ(speed.baseline[1].batch, 2);
  EXPECT_THAT(comparison.pytorch.note, HasSubstr("not available on this CPU"));
}

TEST_F(UsersOwn, ObjectsComeWithMasksKeypointsAndCandidates) {
  for (const char* demo : {"demo-detect.pt", "demo-segment.pt", "demo-pose.pt"}) {
    use(demo);
    const ImageSet scenes({});
    const PyTorchRun run = run_detector(request_, python_, false, false, scenes.files());
    ASSERT_EQ(run.why, "");
    ASSERT_EQ(run.images.size(), scenes.files().size());
    EXPECT_EQ(run.ran, Precision::fp32);
    PyTorchRun same = run;
    same.ran = Precision::fp16;  // as if: the numbers are then those of equal sides
    for (PyTorchImage& image : same.images) {
      EXPECT_TRUE(image.has_candidates);
      EXPECT_GE(image.candidates.size(), image.objects.size());
      image.objects.clear();  // all lost: candidates are in pixels of the image where each is a tie
    }
    const PyTorchAccuracy lost = accuracy_of(run, same, request_.model_info.task, request_.settings.limits);
    ASSERT_GE(lost.mismatches.size(), 10u) << demo;
    for (const std::string& line : lost.mismatches) EXPECT_THAT(line, HasSubstr("NMS tie")) << demo;
    const Object& object = run.images[0].objects.at(0);
    EXPECT_EQ(object.mask.has_value(), request_.model_info.task == Task::segment);
    EXPECT_EQ(object.keypoints.empty(), request_.model_info.task != Task::pose);
  }
}

TEST_F(UsersOwn, WhatItFindsWithoutNmsIsThereInFp16) {
  for (const char* demo : {"demo-segment.pt", "demo-pose.pt"}) {
    use(demo);
    const ImageSet scenes({});
    PyTorchRun half = run_detector(request_, python_, false, true, scenes.files());
    ASSERT_EQ(half.why, "");
    PyTorchRun full = half;
    half.ran = Precision::fp16;  // as if: a CPU runs FP32 all the same
    for (PyTorchImage& image : half.images) {
      ASSERT_TRUE(image.unsuppressed);
      EXPECT_GT(image.unsuppressed->size(), image.objects.size());
      for (Object& object : image.objects) {  // as if another candidate had won, whose boxes are equal
        for (Keypoint& point : object.keypoints) point.x += 20;
        if (object.mask)
          object.mask->counts = {static_cast<std::uint32_t>(object.mask->height * object.mask->width)};
      }
    }
    const PyTorchAccuracy tied = accuracy_of(full, half, request_.model_info.task, request_.settings.limits);
    ASSERT_GE(tied.mismatches.size(), 10u) << demo;
    for (const std::string& line : tied.mismatches) EXPECT_THAT(line, HasSubstr("NMS tie")) << demo;
    for (PyTorchImage& image : half.images) image.unsuppressed.reset();
    const PyTorchAccuracy wrong = accuracy_of(full, half, request_.model_info.task, request_.settings.limits);
    ASSERT_EQ(wrong.mismatches.size(), tied.mismatches.size()) << demo;
    for (const std::string& line : wrong.mismatches)
      EXPECT_THAT(line, testing::Not(HasSubstr("NMS tie"))) << demo;
    EXPECT_THAT(wrong.note, HasSubstr("boxes alone"));
    EXPECT_THAT(tied.note, testing::Not(HasSubstr("boxes alone")));
  }
}

TEST_F(UsersOwn, OsnetGivesTheEmbeddingsOfTheEngine) {
  use("demo-reid.pth");
  const Persons persons({});
  const PyTorchRun run = run_osnet(request_, python_, false, false, persons);
  ASSERT_EQ(run.why, "");
  ASSERT_EQ(run.images.size(), 20u);
  const Model model = load_model(request_.model);
  graph::Graph graph = model.graph({1, 256, 128});
  graph::run_passes(graph);
  const HostImage first = decode::decode_image(read_whole_file(persons.files()[0]).value(), "person");
  HostTensor input(DType::f32, {1, 3, 256, 128});
  preprocess::reid_crop_into(first.view(),
                             {0, 0, static_cast<float>(first.width), static_cast<float>(first.height)},
                             input.view(), 0);
  const TensorView view = input.view();
  const auto output = graph::run_reference(graph, {&view, 1});
  const std::span ours(output.front().as<float>(), 512);
  EXPECT_GT(parity::cosine(run.images[0].objects[0].embedding, ours), 0.999f);
}

#if PEREGRINE_OPENVINO
TEST_F(UsersOwn, ItsOwnValidationIsScoredAsOursIs) {
  for (const char* demo : {"demo-detect.pt", "demo-segment.pt", "demo-pose.pt"}) {
    use(demo);
    const PyTorchPrecision own =
        validate_pytorch(request_, python_, test::repository_file("models/demo/scenes"), false, false);
    ASSERT_EQ(own.why, "");
    EXPECT_THAT(own.subject, HasSubstr(" fp32"));
    Settings settings;
    settings.force_gpu_only = false;
    const auto ours =
        validate::validate_models(settings,
                                  {.models = {request_.model},
                                   .data = test::repository_file("models/demo/scenes"),
                                   .engine = "openvino"},
                                  [](std::size_t, std::size_t, const std::string&) { return true; });
    ASSERT_EQ(own.values.size(), ours.front().coco.size());
    for (std::size_t i = 0; i < own.values.size(); ++i)
      EXPECT_NEAR(own.values[i].second, ours.front().coco[i].second.ap, 0.003)
          << demo << " " << own.values[i].first;
  }
}
#endif

}  // namespace
}  // namespace peregrine::migrate
