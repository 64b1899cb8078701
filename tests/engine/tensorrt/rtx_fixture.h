// The real TensorRT-RTX, which needs no GPU to build: the pinned release and the oldest one supported.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>

#include "engine/tensorrt/library/locate.h"
#include "engine/tensorrt/plan.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "formats/model.h"
#include "formats/onnx/write/writer.h"
#include "graph/passes.h"
#include "support/error_text.h"
#include "support/test_data.h"

namespace peregrine::test {

inline constexpr int stand_in_batch = onnx::open_batch_stand_in;

struct Release {
  const char* name;
  std::filesystem::path folder;
  const char* version;
};

inline void PrintTo(const Release& release, std::ostream* out) { *out << release.name; }

class Rtx : public ::testing::TestWithParam<Release> {
 protected:
  void SetUp() override {
    if (PEREGRINE_SANITIZED) GTEST_SKIP() << "skipped: the library is not instrumented";
    if (!std::filesystem::exists(GetParam().folder / "libtensorrt_rtx.so.1"))
      GTEST_SKIP() << "skipped: no TensorRT-RTX here; tools/setup/setup.sh cuda tensorrt-rtx-1.5 fetches it";
  }

  /// Loaded and used without the builder.
  static const tensorrt::Library& library() {
    return tensorrt::loaded(tensorrt::find_installation(tensorrt::Flavour::rtx, GetParam().folder).files);
  }

  std::unique_ptr<Builder> builder() const {
    return make_tensorrt_builder(tensorrt::Flavour::rtx,
                                 {.library = GetParam().folder, .memory = memory_.path() / "tensorrt"});
  }

  static graph::Graph graph_of(const Model& model, int batch) {
    const ModelInfo& info = model.info();
    graph::Graph graph = model.graph({batch, info.image_height, info.image_width});
    graph::run_passes(graph);
    return graph;
  }

  static Model demo(const char* file) {
    return load_model(repository_file(std::filesystem::path("models/demo") / file));
  }

  static BuildOptions options(Precision precision = Precision::fp16) {
    return {.precision = precision, .device = Device::cuda(0)};
  }

  /// Built, its precision as asked for, and said to be not run.
  void expect_built(const Model& model, const BuildOptions& wanted) const {
    SCOPED_TRACE(model.info().name + " " + to_string(wanted.precision) +
                 (wanted.batches ? " open batch" : ""));
    const graph::Graph graph = graph_of(model, wanted.batches ? stand_in_batch : 1);
    const auto builder = this->builder();
    EXPECT_THAT(builder->unsupported(graph, {}), ::testing::IsEmpty());
    const Plan plan = builder->build(graph, wanted);
    EXPECT_EQ(plan.engine, "tensorrt-rtx");
    EXPECT_EQ(plan.library_versions, std::string("tensorrt-rtx ") + GetParam().version);
    const tensorrt::PlanContent content = tensorrt::read_plan(plan.bytes);
    EXPECT_GT(content.blob.size(), 10'000u);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(content.blob.data()), 4), "vtrt");
    const DType dtype = wanted.precision == Precision::fp16 ? DType::f16 : DType::f32;
    for (const Binding& binding : content.bindings) {
      EXPECT_EQ(binding.dtype, dtype) << binding.name;
      EXPECT_EQ(binding.shape[0], wanted.batches ? wanted.batches->max : 1) << binding.name;
    }
    ASSERT_GE(plan.notes.size(), 1u);
    if (wanted.precision == Precision::fp16)
      EXPECT_THAT(plan.notes[0], ::testing::Not(::testing::HasSubstr("FP32")));
    else
      EXPECT_THAT(plan.notes[0], ::testing::HasSubstr(": 0 of"));
  }

  TemporaryFolder memory_;
};

}  // namespace peregrine::test
