// What a verification finds: an engine that computes as the reference does, and ones that do not.
#include "engine_cache/validation/verification.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "graph/passes.h"
#include "peregrine/error.h"
#include "support/test_data.h"

namespace peregrine::engine_cache {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// What a wrong kernel might do: every output scaled.
class WrongEngine final : public Engine {
 public:
  WrongEngine(std::unique_ptr<Engine> right, float factor, Precision says)
      : right_(std::move(right)), factor_(factor), says_(says) {}

  std::span<const Binding> io() const override { return right_->io(); }
  Precision precision() const override { return says_; }
  void enqueue(std::span<const TensorView> bindings, StreamHandle stream) override {
    right_->enqueue(bindings, stream);
    for (std::size_t i = 0; i < bindings.size(); ++i)
      if (!io()[i].is_input)
        for (std::int64_t n = 0; n < bindings[i].shape.elements(); ++n) bindings[i].as<float>()[n] *= factor_;
  }

 private:
  std::unique_ptr<Engine> right_;
  float factor_;
  Precision says_;
};

class Verification : public testing::Test {
 protected:
  Verification() {
    Settings settings;
    settings.force_gpu_only = false;
    settings.precision = Precision::bf16;  // the reference is OpenVINO's FP32 then, and quick
    context_ = choose_engine(settings, "openvino");
  }
  store::ValidationRecord verify_demo(const VerificationOptions& options = {}, float factor = 1) {
    const Model model = load_model(test::repository_file("models/demo/demo-pose.pt"));
    const InputShape shape{1, 320, 320};
    graph::Graph graph = model.graph(shape);
    graph::run_passes(graph);
    WrongEngine engine(context_.builder->load(context_.builder->build(graph, BuildOptions{}), Device::cpu()),
                       factor, ran_);
    return verify(engine, model, context_, shape, options);
  }
  EngineContext context_;
  Precision ran_ = Precision::bf16;  ///< what the engine says that it ran, whatever this CPU has
};

TEST_F(Verification, AnEngineThatIsRightPassesObjectByObject) {
  const auto record = verify_demo();
  EXPECT_TRUE(record.passed()) << store::verdict(record);
  EXPECT_GE(record.objects, 20);
  EXPECT_EQ(record.images, 4);
  EXPECT_THAT(record.checks,
              Contains(Field(&store::ValidationCheck::name, StartsWith("objects found again"))));
  EXPECT_THAT(record.checks, Contains(Field(&store::ValidationCheck::name, HasSubstr("keypoints"))));
  EXPECT_THAT(record.mismatches, testing::IsEmpty());
}

TEST_F(Verification, AnEngineThatIsWrongFailsAndItsObjectsAreNamed) {
  const auto record = verify_demo({}, 0.9f);
  EXPECT_FALSE(record.passed());
  EXPECT_THAT(store::verdict(record), HasSubstr("objects found again"));
  EXPECT_THAT(record.mismatches, Contains(StartsWith("scene 0: class 0 at (")));
}

TEST_F(Verification, TheLimitsOfTheSettingsDecide) {
  context_.limits.cpu_px = 200;
  context_.limits.cpu_confidence = 1;
  EXPECT_TRUE(verify_demo({}, 0.98f).passed());
  context_.limits.cpu_px = 0;
  EXPECT_FALSE(verify_demo({}, 0.98f).passed());
}

TEST_F(Verification, ReducedPrecisionOnACpuHasLimitsOfItsOwn) {
  const auto limit = [](const store::ValidationRecord& record, const std::string& name) {
    const auto found = std::ranges::find(record.checks, name, &store::ValidationCheck::name);
    return found == record.checks.end() ? -1 : found->limit;
  };
  for (const Precision precision : {Precision::bf16, Precision::fp16}) {
    context_.precision = ran_ = precision;
    const auto record = verify_demo();
    EXPECT_TRUE(record.passed());
    EXPECT_EQ(limit(record, "box of those found, pixels"), 5);
    EXPECT_EQ(limit(record, "their keypoints, pixels"), 5);
    EXPECT_FLOAT_EQ(static_cast<float>(limit(record, "their confidence")), 0.05f);
    const double objects = record.objects, misses = std::floor(0.15 * objects);
    EXPECT_NEAR(limit(record, "objects found again, share"), (objects - misses) / objects, 1e-9);
    EXPECT_THAT(record.note,
                HasSubstr(std::string("within the limits of ") + to_string(precision) + " on a CPU"));
  }
}

TEST_F(Verification, WhatOpenVinoReallyRanIsChecked) {
  ran_ = Precision::fp32;
  const auto record = verify_demo();
  EXPECT_FALSE(record.passed());
  EXPECT_EQ(store::verdict(record), "bf16 is not available on this CPU: openvino ran fp32");
  EXPECT_FALSE(record.checks.empty()) << "the numbers are there all the same";
}

TEST_F(Verification, FewObjectsAreEvaluatedByTheHeadsAndTheRecordSaysSo) {
  const VerificationOptions one{.images = {test::repository_file("models/demo/scenes/val2017/000005.jpg")},
                                .progress = {}};
  const auto record = verify_demo(one);
  EXPECT_LT(record.objects, 20);
  EXPECT_THAT(record.note, HasSubstr("under 20 reference objects"));
  EXPECT_EQ(record.checks.at(0).name, "cosine of the head tensors");
  EXPECT_THAT(record.checks,
              Not(Contains(Field(&store::ValidationCheck::name, StartsWith("objects found again")))));
  EXPECT_FALSE(verify_demo(one, -1).passed());
}

TEST_F(Verification, ItCanBeInterrupted) {
  const VerificationOptions stop{.images = {}, .progress = [](double, std::string_view) { return false; }};
  EXPECT_THROW(verify_demo(stop), Error);
}

}  // namespace
}  // namespace peregrine::engine_cache
