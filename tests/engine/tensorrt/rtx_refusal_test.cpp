// What the real TensorRT-RTX refuses, and builds that are cancelled.
#include "engine/tensorrt/onnx_build.h"
#include "engine/tensorrt/precision_audit.h"
#include "formats/onnx/write/writer.h"
#include "peregrine/error.h"
#include "rtx_fixture.h"

namespace peregrine::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_P(Rtx, ABuildIsCancelledAtTheNextStep) {
  const auto builder = this->builder();
  const graph::Graph graph = graph_of(demo("demo-detect.pt"), 1);
  for (int after : {1, 2, 5, 50}) {
    BuildOptions wanted = options();
    int calls = 0, calls_afterwards = 0;
    wanted.progress = [&](double share, std::string_view) {
      EXPECT_TRUE(share >= 0 && share <= 1);
      if (calls >= after) ++calls_afterwards;
      return ++calls < after;
    };
    EXPECT_THAT(error_text([&] { builder->build(graph, wanted); }), StartsWith("interrupted.build"));
    EXPECT_EQ(calls_afterwards, 0) << "asked again after the request";
  }
  int calls = 0;
  double last = 0;
  BuildOptions wanted = options();
  wanted.progress = [&](double share, std::string_view what) {
    EXPECT_GE(share, last) << what;
    last = share;
    return ++calls > 0;
  };
  builder->build(graph, wanted);
  EXPECT_GT(calls, 50);
}

/// A progress monitor of the test's own, which says stop at a step and counts what the library does
/// afterwards.
struct StoppingMonitor {
  explicit StoppingMonitor(int last) : last_step(last) {}
  virtual std::int32_t language() const noexcept { return 0; }
  virtual tensorrt::InterfaceInfo info() const noexcept { return {"IProgressMonitor", 1, 0}; }
  virtual ~StoppingMonitor() = default;
  virtual void phase_start(const char*, const char* parent, std::int32_t) noexcept {
    if (stopped() && !parent) ++top_phases_afterwards;
  }
  virtual bool step_complete(const char*, std::int32_t) noexcept { return ++steps < last_step; }
  virtual void phase_finish(const char*) noexcept {}

  bool stopped() const { return steps >= last_step; }
  int last_step, steps = 0, top_phases_afterwards = 0;
};

TEST_P(Rtx, AfterTheRequestToStopNoTopLevelPhaseBegins) {
  const tensorrt::Library& library = this->library();
  const std::string file = onnx::serialize(graph_of(demo("demo-detect.pt"), 1), {});
  for (int last : {1, 2, 5, 50, 200}) {
    SCOPED_TRACE(last);
    library.logger().begin();
    const tensorrt::BuilderObject builder(library);
    const tensorrt::NetworkDefinition network = builder.create_network();
    const tensorrt::Parser parser(network);
    ASSERT_TRUE(parser.parse(std::as_bytes(std::span(file))));
    const tensorrt::BuilderConfig config = builder.create_config();
    StoppingMonitor monitor(last);
    void* object = &monitor;
    tensorrt::call<void>(config.get(), library.slots().config.set_progress_monitor, object);
    EXPECT_FALSE(builder.build(network, config).has_value());
    EXPECT_EQ(monitor.top_phases_afterwards, 0);
    EXPECT_THAT(library.logger().reasons(), ::testing::Contains(HasSubstr("BuildCanceled")));
  }
}

TEST_P(Rtx, TooLittleWorkspaceIsToldInTensorRtsOwnNumber) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const graph::Graph graph = graph_of(load_model(data / "weights" / "yolo11n-seg.pt"), stand_in_batch);
  const auto error_with = [&](std::size_t mebibytes) {
    BuildOptions wanted = options();
    wanted.batches = BatchRange{1, 4, 16};
    wanted.workspace_bytes = mebibytes << 20;
    return error_text([&] { builder()->build(graph, wanted); });
  };
  // At 64 MiB it says how much it wanted; with next to nothing it does not come so far.
  EXPECT_THAT(error_with(64), AllOf(StartsWith("engine.workspace"), HasSubstr("it asked for "),
                                    HasSubstr("Pass --workspace ")));
  EXPECT_THAT(error_with(1), AllOf(StartsWith("engine.workspace"), HasSubstr("within workspace limit"),
                                   HasSubstr("Pass --workspace ")));
  EXPECT_EQ(error_with(512), "no error");
}

TEST_P(Rtx, WhatIsNoModelIsRefused) {
  const tensorrt::Library& library = this->library();
  const std::string whole = onnx::serialize(graph_of(demo("demo-reid.pth"), 1), {});
  std::string unknown = whole;
  const std::size_t at = unknown.find(
      "\x22\x04"
      "Conv");
  ASSERT_NE(at, std::string::npos);
  unknown[at + 2] = 'X';
  const auto refusal = [&](const std::string& file) {
    return error_text([&] { tensorrt::OnnxBuild(library, std::as_bytes(std::span(file))); });
  };
  EXPECT_THAT(refusal(""), StartsWith("model.damaged"));
  EXPECT_THAT(refusal("this is no ONNX file at all, just words"), StartsWith("model.damaged"));
  EXPECT_THAT(refusal(whole.substr(0, whole.size() / 2)), StartsWith("model.damaged"));
  EXPECT_THAT(refusal(unknown), AllOf(StartsWith("engine.unsupported"),
                                      HasSubstr("node 'conv1.conv' (Xonv): "), HasSubstr("in its log: ")));
  EXPECT_EQ(refusal(whole), "no error");
}

TEST_P(Rtx, SinglePrecisionWhereHalfWasAskedForIsAnError) {
  const std::string file = onnx::serialize(graph_of(demo("demo-reid.pth"), 1), {.precision = DType::f32});
  const tensorrt::OnnxBuild build(library(), std::as_bytes(std::span(file)));
  const auto audit = tensorrt::audit_precision(build.network(), {});
  EXPECT_GT(audit.single_layers, 10);
  EXPECT_EQ(audit.half_layers, 0);
  EXPECT_THAT(error_text([&] { require_precision(build.network(), audit, Precision::fp16); }),
              AllOf(StartsWith("engine.precision"), HasSubstr("computes in FP32 for no reason")));
  EXPECT_NO_THROW(require_precision(build.network(), audit, Precision::fp32));
  // With a reason for every layer, the outputs still have to be half.
  auto excused = audit;
  for (auto& exception : excused.exceptions) exception.reason = "test";
  EXPECT_THAT(error_text([&] { require_precision(build.network(), excused, Precision::fp16); }),
              HasSubstr("output '"));
}

TEST_P(Rtx, ADamagedPlanOrAnotherVersionsIsRefusedBeforeTensorRtSeesIt) {
  const auto builder = this->builder();
  const Plan whole = builder->build(graph_of(demo("demo-reid.pth"), 1), options());
  const auto refusal = [&](auto&& spoil) {
    Plan plan = whole;
    spoil(plan);
    return error_text([&] { builder->load(plan, Device::cuda(0)); });
  };
  EXPECT_THAT(refusal([](Plan& p) { p.bytes.resize(p.bytes.size() / 2); }), StartsWith("engine.plan"));
  EXPECT_THAT(refusal([](Plan& p) { p.bytes[p.bytes.size() / 2] ^= std::byte{4}; }),
              StartsWith("engine.plan"));
  EXPECT_THAT(refusal([](Plan& p) { p.library_versions = "tensorrt-rtx 1.4.0"; }),
              AllOf(StartsWith("engine.plan"), HasSubstr("1.4.0")));
  EXPECT_THAT(refusal([](Plan& p) { p.engine = "cuda"; }), StartsWith("engine.plan"));
}

}  // namespace
}  // namespace peregrine::test
