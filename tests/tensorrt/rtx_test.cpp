// Real builds with the real TensorRT-RTX, which needs no GPU for them: the pinned version and the oldest one supported.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "engine/conformance/conformance.h"
#include "engine/tensorrt/locate.h"
#include "engine/tensorrt/onnx_build.h"
#include "engine/tensorrt/plan.h"
#include "engine/tensorrt/precision_audit.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "graph/passes.h"
#include "model/model.h"
#include "model/onnx/decode_head.h"
#include "model/onnx/writer.h"
#include "peregrine/error.h"
#include "support/error_text.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int stand_in_batch = 7;

struct Release {
  const char* name;
  fs::path folder;
  const char* version;
};

void PrintTo(const Release& release, std::ostream* out) { *out << release.name; }

class Rtx : public ::testing::TestWithParam<Release> {
 protected:
  void SetUp() override {
    if (PEREGRINE_SANITIZED) GTEST_SKIP() << "skipped: the library is not instrumented";
    if (!fs::exists(GetParam().folder / "libtensorrt_rtx.so.1"))
      GTEST_SKIP() << "skipped: no TensorRT-RTX here; tools/setup/setup.sh cuda tensorrt-rtx-1.5 fetches it";
  }

  std::unique_ptr<Builder> builder() const {
    return make_tensorrt_builder(tensorrt::Flavour::rtx, {.library = GetParam().folder, .memory = memory_.path() / "tensorrt"});
  }

  static graph::Graph graph_of(const Model& model, int batch) {
    const ModelInfo& info = model.info();
    graph::Graph graph = model.graph({batch, info.image_height, info.image_width});
    graph::run_passes(graph);
    return graph;
  }

  static Model demo(const char* file) { return load_model(test::repository_file(fs::path("models/demo") / file)); }

  static BuildOptions options(Precision precision = Precision::fp16) {
    return {.precision = precision, .device = Device::cuda(0)};
  }

  /// Built, its precision as asked for, and said to be not run.
  void expect_built(const Model& model, const BuildOptions& wanted) const {
    SCOPED_TRACE(model.info().name + " " + to_string(wanted.precision) + (wanted.batches ? " open batch" : ""));
    const graph::Graph graph = graph_of(model, wanted.batches ? stand_in_batch : 1);
    const auto builder = this->builder();
    EXPECT_THAT(builder->unsupported(graph), ::testing::IsEmpty());
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
      EXPECT_THAT(plan.notes[0], Not(HasSubstr("FP32")));
    else
      EXPECT_THAT(plan.notes[0], HasSubstr(": 0 of"));
  }

  test::TemporaryFolder memory_;
};

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
  for (const char* file : {"yolo11n.pt", "yolo11n-pose.pt", "yolo11n-seg.pt", "yolov8n.pt", "osnet_x0_25_msmt17.pth"}) {
    const Model model = load_model(data / "weights" / file);
    BuildOptions wanted = options();
    expect_built(model, wanted);
    wanted.batches = BatchRange{1, 4, 16};
    expect_built(model, wanted);
    expect_built(model, options(Precision::fp32));
  }
}

TEST_P(Rtx, WhatTheModelNeedsInSinglePrecisionIsBuiltSoWithItsReason) {
  const auto installation = tensorrt::find_installation(tensorrt::Flavour::rtx, GetParam().folder);
  for (const char* file : {"demo-detect.pt", "demo-pose.pt", "demo-segment.pt"}) {
    SCOPED_TRACE(file);
    const Model model = demo(file);
    graph::Graph graph = graph_of(model, stand_in_batch);
    onnx::decode_head(graph, model.info());
    graph::run_passes(graph);
    BuildOptions wanted = options();
    wanted.batches = BatchRange{1, 2, 4};
    const Plan plan = builder()->build(graph, wanted);
    EXPECT_THAT(plan.notes[0], AllOf(HasSubstr("in FP32: "), HasSubstr("'decode.softmax'"), HasSubstr("(positions in pixels"),
                                     Not(HasSubstr(" ()"))));
    for (const Binding& binding : tensorrt::read_plan(plan.bytes).bindings) EXPECT_EQ(binding.dtype, DType::f16);
  }
}

TEST_P(Rtx, AWeightBeyondHalfKeepsItsLayerInSinglePrecision) {
  graph::Graph graph;
  const auto x = graph.add_input("x", DType::f32, {1, 3, 4, 4});
  HostTensor large = HostTensor::zeros(DType::f32, {1});
  large.as<float>()[0] = 1e6f;
  const auto product =
      graph.add("scaled", graph::Binary{graph::Binary::Kind::mul}, {x, graph.add_constant("factor", std::move(large))});
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
  EXPECT_THAT(error_text([&] { builder->load(plan, Device::cuda(0)); }), StartsWith("environment.device: TensorRT-RTX"));
}

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

/// A progress monitor of the test's own, which says stop at a step and counts what the library does afterwards.
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
  const auto installation = tensorrt::find_installation(tensorrt::Flavour::rtx, GetParam().folder);
  const tensorrt::Library& library = tensorrt::loaded(installation.files);
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
    EXPECT_THAT(library.logger().errors(), ::testing::Contains(HasSubstr("BuildCanceled")));
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
  EXPECT_THAT(error_with(64), AllOf(StartsWith("engine.workspace"), HasSubstr("it asked for "), HasSubstr("Pass --workspace ")));
  EXPECT_THAT(error_with(1),
              AllOf(StartsWith("engine.workspace"), HasSubstr("within workspace limit"), HasSubstr("Pass --workspace ")));
  EXPECT_EQ(error_with(512), "no error");
}

TEST_P(Rtx, EveryOperatorIsParsedInTheTypesThatWereAskedFor) {
  const auto installation = tensorrt::find_installation(tensorrt::Flavour::rtx, GetParam().folder);
  const tensorrt::Library& library = tensorrt::loaded(installation.files);
  for (const auto& cases : {conformance::operator_cases(), conformance::block_cases()})
    for (const conformance::Case& test : cases) {
      if (test.name.starts_with("Cast.")) continue;
      for (Precision precision : {Precision::fp16, Precision::fp32}) {
        SCOPED_TRACE(test.name + " " + to_string(precision));
        const DType dtype = precision == Precision::fp16 ? DType::f16 : DType::f32;
        const std::string file = onnx::serialize(test.make(), {.precision = dtype});
        EXPECT_EQ(error_text([&] {
                    const tensorrt::OnnxBuild build(library, std::as_bytes(std::span(file)));
                    require_precision(build.network(), tensorrt::audit_precision(build.network(), {}), precision);
                  }),
                  "no error");
      }
    }
}

TEST_P(Rtx, WhatIsNoModelIsRefused) {
  const auto installation = tensorrt::find_installation(tensorrt::Flavour::rtx, GetParam().folder);
  const tensorrt::Library& library = tensorrt::loaded(installation.files);
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
  EXPECT_THAT(refusal(unknown),
              AllOf(StartsWith("engine.unsupported"), HasSubstr("node 'conv1.conv' (Xonv): "), HasSubstr("in its log: ")));
  EXPECT_EQ(refusal(whole), "no error");
}

TEST_P(Rtx, SinglePrecisionWhereHalfWasAskedForIsAnError) {
  const auto installation = tensorrt::find_installation(tensorrt::Flavour::rtx, GetParam().folder);
  const std::string file = onnx::serialize(graph_of(demo("demo-reid.pth"), 1), {.precision = DType::f32});
  const tensorrt::OnnxBuild build(tensorrt::loaded(installation.files), std::as_bytes(std::span(file)));
  const auto audit = tensorrt::audit_precision(build.network(), {});
  EXPECT_GT(audit.single_layers, 10);
  EXPECT_EQ(audit.half_layers, 0);
  EXPECT_THAT(error_text([&] { require_precision(build.network(), audit, Precision::fp16); }),
              AllOf(StartsWith("engine.precision"), HasSubstr("computes in FP32 for no reason")));
  EXPECT_NO_THROW(require_precision(build.network(), audit, Precision::fp32));
  // With a reason for every layer, the outputs still have to be half.
  auto excused = audit;
  for (auto& exception : excused.exceptions) exception.reason = "test";
  EXPECT_THAT(error_text([&] { require_precision(build.network(), excused, Precision::fp16); }), HasSubstr("output '"));
}

TEST_P(Rtx, WhatWasFoundOutIsRemembered) {
  builder()->build(graph_of(demo("demo-reid.pth"), 1), options());
  const fs::path probes = memory_.path() / "tensorrt" / "probes.json";
  ASSERT_TRUE(fs::exists(probes));
  int caches = 0;
  for (const auto& entry : fs::directory_iterator(memory_.path() / "tensorrt"))
    caches += entry.path().filename().native().starts_with("timing-");
  EXPECT_EQ(caches, 1);
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
  EXPECT_THAT(refusal([](Plan& p) { p.bytes[p.bytes.size() / 2] ^= std::byte{4}; }), StartsWith("engine.plan"));
  EXPECT_THAT(refusal([](Plan& p) { p.library_versions = "tensorrt-rtx 1.4.0"; }),
              AllOf(StartsWith("engine.plan"), HasSubstr("1.4.0")));
  EXPECT_THAT(refusal([](Plan& p) { p.engine = "cuda"; }), StartsWith("engine.plan"));
}

fs::path pinned() { return own_library_folder(); }

INSTANTIATE_TEST_SUITE_P(Releases, Rtx,
                         ::testing::Values(Release{"pinned", pinned(), "1.7.1"},
                                           Release{"oldest", PEREGRINE_RTX_OLDEST, "1.5.0"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace peregrine
