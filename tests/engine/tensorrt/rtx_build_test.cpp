// Real builds with the real TensorRT-RTX.
#include "engine/conformance/conformance.h"
#include "engine/tensorrt/onnx_build.h"
#include "engine/tensorrt/precision_audit.h"
#include "formats/onnx/decode_head.h"
#include "formats/onnx/write/writer.h"
#include "peregrine/error.h"
#include "rtx_fixture.h"

namespace peregrine::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_P(Rtx, BuildsTheDemoModels) {
  for (const char* file : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt", "demo-reid.pth"}) {
    const Model model = demo(file);
    for (Precision precision : {Precision::fp16, Precision::fp32}) {
      BuildOptions wanted = options(precision);
      expect_built(model, wanted);
      wanted.batches = BatchRange{1, 2, 4};
      expect_built(model, wanted);
    }
  }
}

TEST_P(Rtx, BuildsTheModelsOfTheSharedData) {
  PEREGRINE_NEED_SHARED_DATA(data);
  for (const char* file :
       {"yolo11n.pt", "yolo11n-pose.pt", "yolo11n-seg.pt", "yolov8n.pt", "osnet_x0_25_msmt17.pth"}) {
    const Model model = load_model(data / "weights" / file);
    for (Precision precision : {Precision::fp16, Precision::fp32}) {
      BuildOptions wanted = options(precision);
      expect_built(model, wanted);
      wanted.batches = BatchRange{1, 4, 16};
      expect_built(model, wanted);
    }
  }
}

TEST_P(Rtx, WhatTheModelNeedsInSinglePrecisionIsBuiltSoWithItsReason) {
  for (const char* file : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"}) {
    SCOPED_TRACE(file);
    const Model model = demo(file);
    graph::Graph graph = graph_of(model, stand_in_batch);
    onnx::decode_head(graph, model.info());
    graph::run_passes(graph);
    BuildOptions wanted = options();
    wanted.batches = BatchRange{1, 2, 4};
    const Plan plan = builder()->build(graph, wanted);
    EXPECT_THAT(plan.notes[0], AllOf(HasSubstr("in FP32: "), HasSubstr("'decode.softmax'"),
                                     HasSubstr("(positions in pixels"), Not(HasSubstr(" ()"))));
    for (const Binding& binding : tensorrt::read_plan(plan.bytes).bindings)
      EXPECT_EQ(binding.dtype, DType::f16);
  }
}

TEST_P(Rtx, AWeightBeyondHalfKeepsItsLayerInSinglePrecision) {
  graph::Graph graph;
  const auto x = graph.add_input("x", DType::f32, {1, 3, 4, 4});
  HostTensor large = HostTensor::zeros(DType::f32, {1});
  large.as<float>()[0] = 1e6f;
  const auto product = graph.add("scaled", graph::Binary{graph::Binary::Kind::mul},
                                 {x, graph.add_constant("factor", std::move(large))});
  graph.mark_output(graph.add("bounded", graph::Unary{graph::Unary::Kind::sigmoid}, {product}), "y");
  const Plan plan = builder()->build(graph, options());
  EXPECT_THAT(plan.notes[0], HasSubstr("('factor' reaches 1000000, which FP16 cannot hold)"));
}

TEST_P(Rtx, BuildsForNamedComputeCapabilities) {
  BuildOptions wanted = options();
  wanted.compute_capabilities = {89, 120};
  wanted.optimization_level = 2;
  expect_built(demo("demo-reid.pth"), wanted);
}

TEST_P(Rtx, WithoutAGpuAPlanIsBuiltAndNotRun) {
  const auto builder = this->builder();
  if (builder->cannot_run(Device::cuda(0)).empty()) GTEST_SKIP() << "skipped: this GPU runs it";
  const Plan plan = builder->build(graph_of(demo("demo-reid.pth"), 1), options());
  EXPECT_THAT(plan.notes.back(), StartsWith("Built, not run: "));
  EXPECT_THAT(error_text([&] { builder->load(plan, Device::cuda(0)); }),
              StartsWith("environment.device: TensorRT-RTX"));
}

TEST_P(Rtx, EveryOperatorIsParsedInTheTypesThatWereAskedFor) {
  const tensorrt::Library& library = this->library();
  for (const auto& cases : {conformance::operator_cases(), conformance::block_cases()})
    for (const conformance::Case& test : cases) {
      if (test.name.starts_with("Cast.")) continue;
      for (Precision precision : {Precision::fp16, Precision::fp32}) {
        SCOPED_TRACE(test.name + " " + to_string(precision));
        const DType dtype = precision == Precision::fp16 ? DType::f16 : DType::f32;
        const std::string file = onnx::serialize(test.make(), {.precision = dtype});
        EXPECT_EQ(error_text([&] {
                    const tensorrt::OnnxBuild build(library, std::as_bytes(std::span(file)));
                    require_precision(build.network(), tensorrt::audit_precision(build.network(), {}),
                                      precision);
                  }),
                  "no error");
      }
    }
}

TEST_P(Rtx, WhatWasFoundOutIsRemembered) {
  builder()->build(graph_of(demo("demo-reid.pth"), 1), options());
  const std::filesystem::path probes = memory_.path() / "tensorrt" / "probes.json";
  ASSERT_TRUE(std::filesystem::exists(probes));
  int caches = 0;
  for (const auto& entry : std::filesystem::directory_iterator(memory_.path() / "tensorrt"))
    caches += entry.path().filename().native().starts_with("timing-");
  EXPECT_EQ(caches, 1);
}

std::filesystem::path pinned() { return own_library_folder(); }

INSTANTIATE_TEST_SUITE_P(Releases, Rtx,
                         ::testing::Values(Release{"pinned", pinned(), "1.7.1"},
                                           Release{"oldest", PEREGRINE_RTX_OLDEST, "1.5.0"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace peregrine::test
