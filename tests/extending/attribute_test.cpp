// A task that is registered here, and that no file of src/ or cli/ knows, does what the others do.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine_cache/store/store.h"
#include "extending/attribute/attribute.h"
#include "formats/onnx/write/export.h"
#include "gpu_policy/gpu_policy.h"
#include "peregrine/pipeline.h"
#include "predictor/result_json.h"
#include "stages/postprocess/record.h"
#include "stages/render/render.h"
#include "support/test_data.h"
#include "tools/audit/audit.h"
#include "tools/compare/explain.h"
#include "tools/doctor/selftest.h"
#include "tools/validate/validation.h"
#if PEREGRINE_CUDA
#include "predictor/gpu/gpu_model.h"
#endif

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

class Attribute : public testing::Test {
 protected:
  Attribute() {
    settings_.force_gpu_only = false;
    settings_.store.clear();
    settings_.imgsz = 320;
    settings_.precision = Precision::fp32;
  }

  /// The model as an ONNX file, whose metadata name the task.
  fs::path exported(bool decoded) const {
    const fs::path file = folder_.path() / (decoded ? "decoded.onnx" : "raw.onnx");
    const onnx::ExportOptions options{
        .precision = DType::f32, .batch = 1, .height = 320, .width = 320, .decoded = decoded};
    onnx::export_model(attribute::model_of(load_model(detector_)), options, file);
    return file;
  }
  /// Of the deployed engine where no model is named.
  ImageResult predict(const std::vector<fs::path>& models) {
    PipelineOptions options;
    options.models = models;
    options.engine = "openvino";
    Pipeline pipeline(settings_, options);
    models_ = pipeline.models();
    ImageResult result;
    pipeline.run({image_.string()}, [&](const FrameResult& frame_result) {
      result = frame_result.result.value();
      return true;
    });
    return result;
  }

  const fs::path demo_ = test::repository_file("models/demo"), detector_ = demo_ / "demo-detect.pt",
                 image_ = demo_ / "scenes/val2017/000000.jpg";
  const Task task_ = attribute::task();
  test::TemporaryFolder folder_;
  Settings settings_;
  std::vector<ModelInfo> models_;
};

TEST_F(Attribute, HasTheDetectorsObjectsAndANumberOfEach) {
  const ImageResult detected = predict({detector_});
  for (const bool decoded : {false, true}) {
    const ImageResult result = predict({exported(decoded)});
    EXPECT_EQ(models_.at(0).task, task_);
    ASSERT_EQ(result.objects.size(), detected.objects.size());
    int of_first_class = 0;
    for (std::size_t i = 0; i < result.objects.size(); ++i) {
      const Object& object = result.objects[i];
      EXPECT_EQ(object.task, task_);
      EXPECT_NEAR(object.box[0], detected.objects[i].box[0], 0.01);
      ASSERT_EQ(object.numbers.size(), 1u);
      if (object.class_id != 0) continue;
      EXPECT_NEAR(object.numbers[0], object.confidence, 1e-4);  // by what the branch is made of
      ++of_first_class;
    }
    EXPECT_GT(of_first_class, 0);
  }
}

TEST_F(Attribute, IsWrittenUnderItsOwnKey) {
  const ImageResult result = predict({exported(false)});
  const auto json = nlohmann::json::parse(predictor::to_json_line(result, models_, true));
  EXPECT_EQ(json.at("models").at(0).at("task"), "attribute");
  const auto& object = json.at("objects").at(0);
  EXPECT_EQ(object.at("task"), "attribute");
  EXPECT_NEAR(object.at("attribute").get<double>(), result.objects.at(0).numbers.at(0), 1e-4);
  const ImageResult detected = predict({detector_});
  EXPECT_THAT(predictor::to_json_line(detected, models_), testing::Not(HasSubstr("attribute")));
}

TEST_F(Attribute, IsDrawnIntoTheLabel) {
  Object plain{.task = Task::detect, .confidence = 0.5f, .keypoints = {}, .mask = {}, .embedding = {}};
  plain.box = {20, 40, 180, 180};
  Object object = plain, other = plain;
  object.task = other.task = task_;
  object.numbers = {0.25f};
  other.numbers = {0.75f};
  const HostImage image{200, 200, PixelOrder::rgb, std::vector<std::uint8_t>(200 * 200 * 3, 90)};
  const auto drawn = [&](const Object& what) {
    return render::draw(image.view(), {what}, {{"ball"}}).pixels;
  };
  EXPECT_NE(drawn(object), drawn(plain));
  EXPECT_NE(drawn(object), drawn(other));
}

TEST_F(Attribute, IsMeasuredByTheDetectorsAveragePrecision) {
  validate::ValidationOptions options{{detector_, exported(false)}, demo_ / "scenes", "openvino"};
  const auto scores = validate::validate_models(
      settings_, options, [](std::size_t, std::size_t, const std::string&) { return true; });
  ASSERT_EQ(scores.at(1).coco.size(), 1u);
  EXPECT_GT(scores[1].coco[0].second.ap, 0.5);
  EXPECT_NEAR(scores[1].coco[0].second.ap, scores.at(0).coco.at(0).second.ap, 1e-6);
}

TEST_F(Attribute, IsKeptVerifiedAndDeployed) {
  settings_.store = folder_.path() / "store";
  const ImageResult built = predict({exported(false)});
  store::Store store(settings_.store);
  const std::vector<store::Listing> engines = store.list();
  ASSERT_EQ(engines.size(), 1u);
  ASSERT_TRUE(engines[0].manifest);
  ASSERT_TRUE(engines[0].manifest->validation);
  EXPECT_TRUE(engines[0].manifest->validation->passed());
  EXPECT_THAT(engines[0].manifest->validation->checks,
              Contains(Field(&store::ValidationCheck::name, "their attribute")));
  EXPECT_EQ(engines[0].manifest->model.task, task_);
  store.use({engines[0].id}, store::Trust::verified);
  EXPECT_TRUE(store.current().task_slots.contains(task_));
  const ImageResult deployed = predict({});
  ASSERT_EQ(deployed.objects.size(), built.objects.size());
  EXPECT_EQ(deployed.objects.at(0).numbers, built.objects.at(0).numbers);
}

TEST_F(Attribute, IsComparedByExplain) {
  settings_.store = folder_.path() / "store";
  const std::string model = exported(false).string();
  const auto report = compare::run(settings_, model, model + "@openvino:fp32", image_);
  EXPECT_EQ(report.first_mismatch(), nullptr);
  EXPECT_THAT(report.steps, Contains(Field(&compare::ComparedStep::stage, "attribute")));
}

TEST_F(Attribute, CrossesInTheDevicesRecord) {
  ModelInfo model;
  model.task = task_;
  model.class_names = {"ball"};
  const postprocess::RecordLayout layout = postprocess::record_layout(model, 2, 3, 0);
  std::vector<std::byte> record(layout.bytes);
  layout.header(record.data(), 1)->objects = 2;
  for (int i = 0; i < 2; ++i) *layout.number(record.data(), 1, i) = static_cast<float>(i);
  const auto found = postprocess::read_record(model, layout, record.data(), 1, {}, {});
  ASSERT_EQ(found.objects.size(), 2u);
  EXPECT_FLOAT_EQ(found.objects[0].numbers.at(0), 0.5f);
  EXPECT_NEAR(found.objects[1].numbers.at(0), 0.7311, 1e-4);
  EXPECT_EQ(postprocess::used_bytes(layout, record.data(), 2),
            2 * sizeof(postprocess::RecordHeader) + 2 * (sizeof(postprocess::RecordObject) + sizeof(float)));
}

TEST_F(Attribute, IsGuardedAndItsResultsMayCross) {
  const auto checks = doctor::provoke_enforcement();
  for (const char* name : {"attribute output on cpu", "attribute numbers in FP32"})
    EXPECT_THAT(checks, Contains(AllOf(Field(&doctor::SelftestCheck::name, name),
                                       Field(&doctor::SelftestCheck::failure, IsEmpty()))));
  PipelineOptions options;
  options.models = {exported(false)};
  options.engine = "openvino";
  const auto report = audit::run(settings_, options, {image_.string()}, [] { return false; });
  ASSERT_EQ(report.frames.size(), 1u);  // on the CPU nothing crosses, and nothing is proven
  EXPECT_THAT(report.frames[0].violations, IsEmpty());
  EXPECT_FALSE(report.passed());
  ImageResult result = predict(options.models);
  result.device_to_host = {{"results", 96}};
  EXPECT_THAT(audit::evaluate(result), IsEmpty());
  result.device_to_host.push_back({"attributes", 8});
  EXPECT_THAT(audit::evaluate(result), testing::SizeIs(1));
}

#if PEREGRINE_CUDA
TEST_F(Attribute, OutputsThatAreNoWhereNearAGpuAreNamed) {
  float memory[8]{};
  const TensorView view{memory, DType::f16, Device::cpu(), {1, 8}, {8, 1}};
  GpuPolicy policy(true, Device::cuda(0));
  const std::vector<postprocess::NamedTensor> outputs{{"num.0", view}};
  try {
    (void)predictor::check_outputs(policy, task_, outputs, Precision::fp16);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.sentence(), HasSubstr("attribute numbers not on GPU"));
  }
}
#endif

}  // namespace
}  // namespace peregrine
