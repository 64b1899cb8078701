// The conformance suite and the whole GPU pipeline over test doubles of TensorRT (doubles/) and a CUDA that is none. It says
// nothing about TensorRT itself.
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdlib>

#include "engine/conformance/conformance.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "graph/passes.h"
#include "model/onnx/decode_head.h"
#include "peregrine/error.h"
#include "pipeline/gpu_runner.h"
#include "provision/engine_choice.h"
#include "support/fake_cuda.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;

struct Layout {
  const char* name;
  tensorrt::Flavour flavour;
  const char* file;
};
void PrintTo(const Layout& layout, std::ostream* out) { *out << layout.name; }

class DoublePipeline : public ::testing::TestWithParam<Layout> {
 protected:
  void SetUp() override {
    builder_ = make_tensorrt_builder(GetParam().flavour, {.library = folder(), .memory = memory_.path()});
    (void)builder_->library_versions();
  }
  void TearDown() override {
    unsetenv("TENSORRT_DOUBLE_FAIL");
    EXPECT_EQ(ask<int>("double_alive"), 0) << "objects were not destroyed";
    EXPECT_STREQ(ask<const char*>("double_misuse"), "");
    EXPECT_EQ(cuda_.alive(), 0u);
    EXPECT_THAT(cuda_.misuse(), ::testing::IsEmpty());
  }
  static fs::path folder() { return fs::path(PEREGRINE_DOUBLES) / GetParam().name; }
  template <class Result>
  static Result ask(const char* what) {
    void* library = dlopen((folder() / GetParam().file).c_str(), RTLD_NOW | RTLD_NOLOAD);
    return reinterpret_cast<Result (*)()>(dlsym(library, what))();
  }

  std::unique_ptr<pipeline::BatchRunner> runner(const fs::path& model, int batch) const {
    Settings settings;
    settings.batch = batch;
    settings.imgsz = 64;
    PipelineOptions options;
    options.models = {model};
    return pipeline::make_gpu_runner({builder_, Device::cuda(0), "NVIDIA Fake", Precision::fp16}, settings, options,
                                     [](std::vector<Fallback>) { return std::unique_ptr<pipeline::BatchRunner>{}; });
  }
  void run(pipeline::BatchRunner& runner, std::size_t pictures) const {
    const std::vector<pipeline::Frame> frames(pictures, {"frame", {}, image_.view()});
    for (const pipeline::FrameOutcome& outcome : runner.run(frames))
      if (outcome.error) throw Error(*outcome.error);
  }

  test::FakeCuda cuda_;
  test::TemporaryFolder memory_;
  std::shared_ptr<Builder> builder_;
  HostImage image_{32, 24, PixelOrder::bgr, std::vector<std::uint8_t>(std::size_t{32} * 24 * 3, 7)};
};

TEST_P(DoublePipeline, TheConformanceSuitePasses) {
  std::vector<conformance::Case> cases = conformance::operator_cases();
  std::ranges::move(conformance::block_cases(), std::back_inserter(cases));
  for (const conformance::Case& test : cases)
    for (const Precision precision : {Precision::fp32, Precision::fp16}) {
      SCOPED_TRACE(test.name + " " + to_string(precision));
      const auto outcome = conformance::run(test, *builder_, {.precision = precision, .device = Device::cuda(0)});
      EXPECT_EQ(outcome.ran(), !test.name.starts_with("Cast.")) << ::testing::PrintToString(outcome.refused);
      if (!outcome.ran()) continue;
      EXPECT_EQ(outcome.precision, precision);
      EXPECT_TRUE(outcome.passed()) << outcome.comparisons.front().difference << " of " << outcome.allowed;
    }
}

/// The double refuses a half that meets a float, as TensorRT does, and computes what the file says.
TEST_P(DoublePipeline, PartsInSinglePrecisionGiveTheSameResults) {
  for (const char* file : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"}) {
    const Model model = load_model(test::repository_file("models/demo") / file);
    const conformance::Case test{file, [&] {
                                   graph::Graph graph = model.graph({.batch = 1, .height = 64, .width = 96});
                                   onnx::decode_head(graph, model.info());
                                   graph::run_passes(graph);
                                   return graph;
                                 }};
    const auto outcome = conformance::run(test, *builder_, {.precision = Precision::fp16, .device = Device::cuda(0)});
    for (const conformance::Comparison& output : outcome.comparisons) EXPECT_LE(output.difference, 2e-2) << output.output;
    EXPECT_EQ(outcome.comparisons.size(), model.info().task == Task::segment ? 2u : 1u);
  }
}

TEST_P(DoublePipeline, ItsWorkIsCapturedInThePipelinesGraphWhereTheLibraryAllowsIt) {
  for (const char* model : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"}) {
    SCOPED_TRACE(model);
    const auto runner = this->runner(test::repository_file("models/demo") / model, 1);
    const auto calls = [&](const char* name) {
      const auto found = cuda_.calls().find(name);
      return found == cuda_.calls().end() ? 0 : found->second;
    };
    const int before = ask<int>("double_runs"), launched = calls("graph_launch"), captured = calls("begin_capture");
    for (int i = 0; i < 3; ++i) run(*runner, 1);
    EXPECT_EQ(calls("begin_capture") - captured, 1);
    EXPECT_EQ(calls("graph_launch") - launched, 3);
    EXPECT_EQ(ask<int>("double_runs") - before, 1) << "enqueued beside the graph";
  }
}

TEST_P(DoublePipeline, WhatCannotBeCapturedIsEnqueuedForEachRun) {
  if (GetParam().flavour != tensorrt::Flavour::rtx) GTEST_SKIP() << "skipped: this layout does not ask";
  const auto runner = this->runner(test::repository_file("models/demo/demo-detect.pt"), 1);
  setenv("TENSORRT_DOUBLE_FAIL", "capturable", 1);
  const int before = ask<int>("double_runs");
  for (int i = 0; i < 3; ++i) run(*runner, 1);
  EXPECT_EQ(ask<int>("double_runs") - before, 3);
  EXPECT_FALSE(cuda_.calls().contains("begin_capture"));
}

TEST_P(DoublePipeline, ARunThatFailsIsToldInTheLibrarysWords) {
  const auto runner = this->runner(test::repository_file("models/demo/demo-detect.pt"), 1);
  setenv("TENSORRT_DOUBLE_FAIL", "enqueue", 1);
  try {
    run(*runner, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("GPU-only operation failed: inference demo-detect.pt"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("told to fail in enqueue"));
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, DoublePipeline,
                         ::testing::Values(Layout{"run10_0", tensorrt::Flavour::tensorrt, "libnvinfer.so.10"},
                                           Layout{"run10", tensorrt::Flavour::tensorrt, "libnvinfer.so.10"},
                                           Layout{"run11", tensorrt::Flavour::tensorrt, "libnvinfer.so.11"},
                                           Layout{"run_rtx", tensorrt::Flavour::rtx, "libtensorrt_rtx.so.1"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace peregrine
