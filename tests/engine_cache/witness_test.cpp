// Faults that an engine and its FP32 reference share, planted in doubles of models: each is caught by what is
// independent of them.
#include "engine_cache/witness.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "engine_cache/store/files.h"
#include "engine_cache/validation/verification.h"
#include "formats/onnx/decode_head.h"
#include "formats/onnx/write/export.h"
#include "graph/head.h"
#include "graph/passes.h"
#include "graph/rewriter.h"
#include "support/test_data.h"

namespace peregrine::engine_cache {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using enum store::Witness::Verdict;

/// OpenVINO in FP32 that says it is bf16, so that its reference is OpenVINO too, and quick: both sides of a
/// comparison alike.
class Twin final : public Engine {
 public:
  explicit Twin(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
  std::span<const Binding> io() const override { return engine_->io(); }
  Precision precision() const override { return Precision::bf16; }
  void enqueue(std::span<const TensorView> bindings, StreamHandle stream) override {
    engine_->enqueue(bindings, stream);
  }

 private:
  std::unique_ptr<Engine> engine_;
};

/// Its rows for each of `rows`, by index; -1 is a row of zeros.
Model rearranged(const Model& model, ModelInfo info, const std::vector<int>& rows) {
  info.head = HeadLayout::decoded;
  return {info, [&model, rows](const InputShape& shape) {
            graph::Graph graph = model.graph(shape);
            onnx::decode_head(graph, model.info());
            const graph::ValueId head = graph.outputs().front();
            const std::int64_t count = graph.value(head).shape[1];
            HostTensor context =
                HostTensor::zeros(DType::f32, {1, static_cast<std::int64_t>(rows.size()), count});
            for (std::size_t i = 0; i < rows.size(); ++i)
              if (rows[i] >= 0) context.as<float>()[static_cast<std::int64_t>(i) * count + rows[i]] = 1;
            const graph::ValueId chosen = graph.add_constant("choice", std::move(context));
            const graph::ValueId output = graph.add("rearranged", graph::MatMul{}, {chosen, head});
            graph::Rewriter(graph).clear_outputs();
            graph.mark_output(output, graph::decoded_output);
            return graph;
          }};
}

std::string failures(const store::ValidationRecord& record) { return store::verdict(record); }

class WitnessTest : public testing::Test {
 protected:
  WitnessTest() {
    Settings settings;
    settings.force_gpu_only = false;
    settings.precision = Precision::bf16;
    context_ = choose_engine(settings, "openvino");
  }
  store::ValidationRecord verify_twin(const Model& model, const InputShape& shape,
                                      const VerificationOptions& options = {}) {
    graph::Graph graph = model.graph(shape);
    graph::run_passes(graph);
    Twin engine(context_.builder->load(context_.builder->build(graph, BuildOptions{}), Device::cpu()));
    return verify(engine, model, context_, shape, options);
  }
  static std::filesystem::path fixture(const std::string& name) {
    return test::repository_file("tests/engine_cache/data/" + name);
  }

  EngineContext context_;
  Model demo_ = load_model(test::repository_file("models/demo/demo-detect.pt"));
  static constexpr InputShape small{1, 160, 160};
};

TEST_F(WitnessTest, TheDemoHasNoneAndSaysWhy) {
  const auto record = verify_twin(demo_, small);
  EXPECT_TRUE(record.passed()) << failures(record);
  EXPECT_EQ(record.witness.verdict, none);
  EXPECT_THAT(to_string(record.witness), StartsWith("no independent witness (PyTorch runs checkpoints"));
  EXPECT_THAT(record.note, HasSubstr("looked at by themselves"));
}

// As a head with one bin a side that is decoded as a distribution: the distances are lost, on both sides.
TEST_F(WitnessTest, BoxesWithoutExtentAreCaught) {
  const auto record = verify_twin(rearranged(demo_, demo_.info(), {0, 1, -1, -1, 4, 5, 6, 7}), small);
  EXPECT_FALSE(record.passed());
  EXPECT_THAT(failures(record), HasSubstr("boxes with an extent, share 0 (limit 0.5)"));
}

// As a file of 56 rows without metadata that is no pose model: 52 classes are read as one class and 17
// keypoints.
TEST_F(WitnessTest, ClassesThatAreReadAsKeypointsAreCaught) {
  ModelInfo pose = demo_.info();
  pose.task = Task::pose;
  pose.class_names = {"person"};
  pose.keypoints = 17;
  pose.keypoint_dims = 3;
  std::vector<int> rows{0, 1, 2, 3};
  for (int i = 0; i < 52; ++i) rows.push_back(4 + i % 4);
  const auto record = verify_twin(rearranged(demo_, pose, rows), small);
  EXPECT_FALSE(record.passed());
  EXPECT_THAT(failures(record), HasSubstr("keypoints near their box, share"));
  EXPECT_THAT(failures(record), Not(HasSubstr("objects found again"))) << "the reference has the same fault";
}

TEST_F(WitnessTest, AnOnnxFileIsRunByOpenVinosOwnReader) {
  const auto record = verify_twin(load_model(fixture("plain.onnx")), {1, 64, 64});
  EXPECT_TRUE(record.passed()) << failures(record);
  EXPECT_EQ(record.witness.verdict, agrees) << to_string(record.witness);
  EXPECT_THAT(record.witness.name, HasSubstr("ONNX frontend"));
  EXPECT_THAT(record.checks,
              Contains(testing::Field(&store::ValidationCheck::name, HasSubstr("ONNX frontend"))));
}

TEST_F(WitnessTest, OurOwnExportsAgreeInFp16Too) {
  const test::TemporaryFolder folder;
  for (const bool decoded : {false, true}) {
    const auto file = folder.path() / "demo.onnx";
    onnx::export_model(demo_, {.height = 160, .width = 160, .decoded = decoded},
                       file);  // FP16 is its default
    const auto record = verify_twin(load_model(file), small);
    EXPECT_TRUE(record.passed()) << failures(record);
    EXPECT_EQ(record.witness.verdict, agrees) << to_string(record.witness);
    std::filesystem::remove(file);
  }
}

// As a reader that feeds floats to an input of bytes: the file is uint8_input.onnx, the graph what such a
// reader makes of it.
TEST_F(WitnessTest, AnInputTypeThatIsNotLookedAtIsCaught) {
  const Model ignored = load_model(fixture("type_ignored.onnx"));
  const auto misread = [&](const char* file) {
    ModelInfo info = ignored.info();
    info.sha256 = *store::digest_of(fixture(file));
    return Model(
        info, [&](const InputShape& shape) { return ignored.graph(shape); }, fixture(file));
  };
  const auto record = verify_twin(misread("uint8_input.onnx"), {1, 64, 64});
  EXPECT_FALSE(record.passed());
  EXPECT_EQ(record.witness.verdict, disagrees);
  EXPECT_THAT(failures(record), HasSubstr("difference from OpenVINO's ONNX frontend"));
  EXPECT_THAT(failures(record), Not(HasSubstr("cosine of the head"))) << "the reference has the same fault";
  EXPECT_EQ(verify_twin(misread("type_ignored.onnx"), {1, 64, 64}).witness.verdict, agrees);
}

TEST_F(WitnessTest, AnInputOfBytesGetsBytes) {
  const Model plain = load_model(fixture("plain.onnx"));
  ModelInfo info = plain.info();
  info.sha256 = *store::digest_of(fixture("uint8_input.onnx"));
  const Model right(
      info, [&](const InputShape& shape) { return plain.graph(shape); }, fixture("uint8_input.onnx"));
  EXPECT_EQ(verify_twin(right, {1, 64, 64}).witness.verdict, agrees);
}

TEST_F(WitnessTest, WhatTheFrontendCannotReadHasNoWitness) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "broken.onnx";
  std::ofstream(file) << "\x08\x08 no model";
  const Model plain = load_model(fixture("plain.onnx"));
  ModelInfo info = plain.info();
  const auto witness = [&] {
    return verify_twin(Model(
                           info, [&](const InputShape& s) { return plain.graph(s); }, file),
                       {1, 64, 64})
        .witness;
  };
  EXPECT_THAT(to_string(witness()),
              StartsWith("no independent witness (the model's file is another one by now"));
  info.sha256 = *store::digest_of(file);
  EXPECT_THAT(to_string(witness()),
              StartsWith("no independent witness (OpenVINO's ONNX frontend cannot read the file: "));
}

/// PyTorch, made up: it finds what the engine does, changed by `change`.
WitnessAnswer answer_with(const std::function<void(std::vector<Object>&)>& change) {
  WitnessAnswer answer{.name = "PyTorch 2.9.0", .why = {}};
  for (int image = 0; image < 4; ++image) {
    std::vector<Object>& objects = answer.images.emplace_back();
    for (int i = 0; i < 5; ++i)
      objects.push_back(
          {.class_id = 1,
           .confidence = 0.9f - 0.1f * static_cast<float>(i),
           .box = {100.0f * static_cast<float>(i), 50, 100.0f * static_cast<float>(i) + 60, 150},
           .keypoints = {},
           .mask = {},
           .embedding = {}});
    change(objects);
  }
  return answer;
}

/// A decoded head that has what answer_with() has without a change.
Testimony heard(const WitnessAnswer& answer, int images = 4) {
  ModelInfo model;
  model.head = HeadLayout::decoded;
  model.class_names = {"a", "b"};
  model.strides = {8, 16, 32};
  const Geometry whole{640, 640, 640, 640, 640, 640, 0, 0};
  const std::vector<std::string> names{"output0"};
  std::vector<HostTensor> head;
  head.push_back(HostTensor::zeros(DType::f32, {1, 6, 8400}));
  const auto at = [&](int row, int anchor) -> float& { return head[0].as<float>()[row * 8400 + anchor]; };
  for (int i = 0; i < 5; ++i) {
    at(0, i) = 100.0f * static_cast<float>(i) + 30;
    at(1, i) = 100;
    at(2, i) = 60;
    at(3, i) = 100;
    at(5, i) = 0.9f - 0.1f * static_cast<float>(i);
  }
  WitnessParity parity(model, ParityLimits{}, answer);
  for (int i = 0; i < images; ++i) parity.add(static_cast<std::size_t>(i), "image", {names, head}, 0, whole);
  return parity.finish();
}

TEST(WitnessAnswers, ThatAreTheSameAgree) {
  const Testimony same = heard(answer_with([](auto&) {}));
  EXPECT_EQ(same.witness.verdict, agrees);
  EXPECT_EQ(to_string(same.witness), "PyTorch 2.9.0 agrees (20 objects)");
  EXPECT_THAT(same.mismatches, testing::IsEmpty());
}

TEST(WitnessAnswers, OfAForkOfAModuleAreCaught) {
  const Testimony other = heard(answer_with([](std::vector<Object>& objects) {
    for (Object& object : objects) object.confidence -= 0.03f;
  }));
  EXPECT_EQ(other.witness.verdict, disagrees);
  EXPECT_THAT(other.checks, Contains(testing::Field(&store::ValidationCheck::name,
                                                    "objects of PyTorch 2.9.0 that are missed")));
  EXPECT_THAT(other.mismatches, Contains(StartsWith("PyTorch 2.9.0: image: class 1 at (0, 50, 60, 150)")));
  EXPECT_EQ(heard(answer_with([](std::vector<Object>& objects) { objects.resize(2); })).witness.verdict,
            disagrees)
      << "the engine has more";
  EXPECT_EQ(heard(answer_with([](std::vector<Object>& objects) {
              objects.push_back(objects[0]), objects.back().box = {1, 200, 99, 300};
            })).witness.verdict,
            disagrees)
      << "the engine has fewer";
}

TEST(WitnessAnswers, OfFewObjectsAreHeldToEachOfThem) {
  WitnessAnswer one = answer_with([](std::vector<Object>& objects) { objects.pop_back(); });
  one.images.resize(1);
  one.images[0][0].confidence -= 0.03f;
  one.images[0].resize(3);
  EXPECT_EQ(heard(one, 1).witness.verdict, disagrees);
}

TEST(WitnessAnswers, OfNothingAreNone) {
  const WitnessAnswer failed{.name = "PyTorch 2.9.0", .why = "there is no python"};
  EXPECT_EQ(to_string(heard(failed).witness), "no independent witness (there is no python)");
}

TEST(LargestMismatch, IsOfAChannelAndSeesWhatIsNoNumber) {
  std::vector<HostTensor> a, b;
  for (auto* tensors : {&a, &b}) {
    tensors->push_back(HostTensor::zeros(DType::f32, {1, 2, 2}));
    float* values = tensors->back().as<float>();
    values[0] = 640, values[2] = 0.9f;
  }
  EXPECT_EQ(largest_departure(a, b), 0);
  b[0].as<float>()[2] = 0.45f;
  EXPECT_FLOAT_EQ(static_cast<float>(largest_departure(a, b)), 0.5f) << "pixels do not hide scores";
  b[0].as<float>()[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(largest_departure(a, b), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace peregrine::engine_cache
