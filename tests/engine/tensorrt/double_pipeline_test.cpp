// The conformance suite and the whole GPU pipeline over test doubles of TensorRT (doubles/) and a CUDA that
// is none. It says nothing about TensorRT itself.
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "engine/conformance/conformance.h"
#include "engine/tensorrt/plan.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "engine_cache/engine_cache.h"
#include "engine_cache/engine_context.h"
#include "engine_cache/engine_file.h"
#include "formats/model.h"
#include "formats/onnx/decode_head.h"
#include "formats/ultralytics/engine_file.h"
#include "graph/passes.h"
#include "peregrine/error.h"
#include "predictor/gpu/gpu_runner.h"
#include "support/error_text.h"
#include "support/fake_cuda.h"
#include "support/test_data.h"
#include "tools/validate/validation.h"

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

  static std::unique_ptr<predictor::BatchRunner> runner(const engine_cache::EngineContext& context,
                                                        const PipelineOptions& options, int batch) {
    Settings settings;
    settings.batch = batch;
    settings.imgsz = 64;
    return predictor::make_gpu_runner(context, settings, options, [](std::vector<Fallback>) {
      return std::unique_ptr<predictor::BatchRunner>{};
    });
  }
  std::unique_ptr<predictor::BatchRunner> runner(const fs::path& model, int batch) const {
    PipelineOptions options;
    options.models = {model};
    return runner({builder_, Device::cuda(0), "NVIDIA Fake", Precision::fp16}, options, batch);
  }
  void run(predictor::BatchRunner& runner, std::size_t images) const {
    const std::vector<predictor::Frame> frames(images, {"frame", {}, image_.view()});
    for (const predictor::RunnerResult& case_result : runner.run(frames))
      if (case_result.error) throw Error(*case_result.error);
  }

  static ModelInfo small(ModelInfo info) {
    info.image_height = info.image_width = 64;
    return info;
  }
  /// TensorRT's own bytes of an engine with a decoded head for 64 x 64 pixels.
  std::vector<std::byte> ultralytics_plan(const Model& model, const engine_cache::EngineContext& context,
                                          std::optional<BatchRange> batches = {}) const {
    graph::Graph graph = model.graph({.batch = batches ? 13 : 1, .height = 64, .width = 64});
    onnx::decode_head(graph, model.info());
    graph::run_passes(graph);
    BuildOptions options{.precision = context.precision, .device = context.device};
    options.batches = batches;
    const Plan plan = builder_->build(graph, options);
    const auto blob = tensorrt::read_plan(plan.bytes).blob;
    return {blob.begin(), blob.end()};
  }

  /// A file in Ultralytics' layout of a demo model, and where it is.
  fs::path engine_file(const char* demo, std::optional<BatchRange> batches = {}) const {
    const engine_cache::EngineContext context{builder_, Device::cuda(0), "NVIDIA Fake", Precision::fp16};
    const fs::path file = memory_.path() / fs::path(demo).replace_extension(".engine");
    const Model model = load_model(test::repository_file("models/demo") / demo);
    std::ofstream(file, std::ios::binary)
        << ultralytics::write_engine_file({.model = small(model.info()),
                                           .batch = batches ? batches->max : 1,
                                           .dynamic = batches.has_value(),
                                           .half = true},
                                          ultralytics_plan(model, context, batches));
    return file;
  }
  /// As a user gives them.
  Settings settings() const {
    Settings settings;
    settings.tensorrt = folder();
    settings.store = memory_.path() / "store";
    return settings;
  }
  static const char* engine_name() { return tensorrt::to_string(GetParam().flavour); }

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
      const auto case_result =
          conformance::run(test, *builder_, {.precision = precision, .device = Device::cuda(0)});
      EXPECT_EQ(case_result.ran(), !test.name.starts_with("Cast."))
          << ::testing::PrintToString(case_result.refused);
      if (!case_result.ran()) continue;
      EXPECT_EQ(case_result.precision, precision);
      EXPECT_TRUE(case_result.passed())
          << case_result.comparisons.front().difference << " of " << case_result.allowed;
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
    const auto case_result =
        conformance::run(test, *builder_, {.precision = Precision::fp16, .device = Device::cuda(0)});
    for (const conformance::OutputComparison& output : case_result.comparisons)
      EXPECT_LE(output.difference, 2e-2) << output.output;
    EXPECT_EQ(case_result.comparisons.size(), model.info().task == Task::segment ? 2u : 1u);
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
    const int before = ask<int>("double_runs"), launched = calls("graph_launch"),
              captured = calls("begin_capture");
    for (int i = 0; i < 3; ++i) run(*runner, 1);
    EXPECT_EQ(calls("begin_capture") - captured, 1);
    EXPECT_EQ(calls("graph_launch") - launched, 3);
    EXPECT_EQ(ask<int>("double_runs") - before, 1) << "enqueued beside the graph";
  }
}

TEST_P(DoublePipeline, AFileInUltralyticsLayoutIsBuiltAndRun) {
  const engine_cache::EngineContext context{builder_, Device::cuda(0), "NVIDIA Fake", Precision::fp16};
  for (const char* name : {"demo-detect.pt", "demo-segment.pt"}) {
    SCOPED_TRACE(name);
    const fs::path file = engine_file(name);
    const Model read = load_model(file);
    EXPECT_TRUE(engine_cache::is_engine_file(read));
    const auto engine = builder_->load(engine_cache::plan_of_engine_file(read, context), Device::cuda(0));
    EXPECT_EQ(engine->precision(), Precision::fp16);
    EXPECT_EQ(engine->io()[0].shape, (Shape{1, 3, 64, 64}));
    EXPECT_EQ(engine->io()[1].name, "output0");
    if (read.info().task == Task::segment) {
      EXPECT_EQ(engine->io()[2].name, "proto");
    }
    const auto runner = this->runner(file, 1);
    EXPECT_NO_THROW(run(*runner, 1));
  }
}

TEST_P(DoublePipeline, OfAnOpenBatchThePipelineRunsItsOwn) {
  const engine_cache::EngineContext context{builder_, Device::cuda(0), "NVIDIA Fake", Precision::fp16};
  const Model model = load_model(test::repository_file("models/demo/demo-detect.pt"));
  const auto blob = ultralytics_plan(model, context, BatchRange{1, 2, 4});
  const auto engine =
      builder_->load(tensorrt::adopt_plan(*builder_, Device::cuda(0), 64, 64, blob), Device::cuda(0));
  EXPECT_EQ(engine->io()[0].shape[0], 4);
  EXPECT_EQ(engine->io()[1].shape[0], 4);
  engine->prefer_batch(3);
  EXPECT_EQ(engine->io()[0].shape[0], 3);
  EXPECT_EQ(engine->io()[1].strides, dense_strides(engine->io()[1].shape));
  EXPECT_THROW(engine->prefer_batch(5), Error);

  const fs::path file = engine_file("demo-detect.pt", BatchRange{1, 2, 4});
  for (const int batch : {1, 3}) EXPECT_NO_THROW(run(*runner(file, batch), static_cast<std::size_t>(batch)));
  EXPECT_THROW(runner(file, 5), Error);
}

TEST_P(DoublePipeline, AFileInUltralyticsLayoutIsValidatedOnAnnotatedImages) {
  const fs::path data = memory_.path() / "coco";
  fs::create_directories(data / "val2017");
  fs::create_directories(data / "annotations");
  for (const char* name : {"1.ppm", "2.ppm"})
    std::ofstream(data / "val2017" / name, std::ios::binary) << "P6 4 4 255\n" << std::string(48, 'x');
  std::ofstream(data / "annotations" / "instances_val2017.json") << R"({"images": [
    {"id": 1, "file_name": "1.ppm", "width": 4, "height": 4}, {"id": 2, "file_name": "2.ppm", "width": 4,
        "height": 4}],
    "categories": [{"id": 1, "name": "person"}], "annotations": [{"id": 1, "image_id": 1,
        "category_id": 1, "iscrowd": 0,
    "bbox": [0, 0, 2, 2], "area": 4, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}]})";
  const std::vector<fs::path> files{engine_file("demo-detect.pt"), engine_file("demo-segment.pt")};
  std::size_t told = 0;
  const int before = ask<int>("double_runs");
  const auto scores =
      validate::validate_models(settings(), {.models = files, .data = data, .engine = engine_name()},
                                [&](std::size_t done, std::size_t total, const std::string&) {
                                  EXPECT_EQ(total, 2u);
                                  told = done;
                                  return true;
                                });
  EXPECT_EQ(told, 2u);
  EXPECT_GT(ask<int>("double_runs"), before);
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].path, files[0]);
  EXPECT_EQ(scores[0].coco.size(), 1u);
  EXPECT_EQ(scores[1].coco.size(), 2u) << "boxes and masks";
  // The fake CUDA runs no kernels, and so finds nothing: of the one object there is.
  for (const auto& own : scores)
    for (const auto& [metric, summary] : own.coco) EXPECT_EQ(summary.ap, 0) << to_string(metric);
}

TEST_P(DoublePipeline, WhereADeviceIsThereWhatIsBuiltIsRunAndComparedAndTheRecordSaysSo) {
  const engine_cache::EngineContext context = engine_cache::choose_engine(settings(), engine_name());
  const Model model = load_model(test::repository_file("models/demo/demo-reid.pth"));
  store::Store store(settings().store);
  const int before = ask<int>("double_runs");
  const engine_cache::CachedEngine cached_engine = engine_cache::get_or_build(
      store, model, context, {.shape = {1, model.info().image_height, model.info().image_width}});
  EXPECT_TRUE(cached_engine.built);
  EXPECT_GT(ask<int>("double_runs") - before, 1) << "beyond the warm-up";
  ASSERT_TRUE(cached_engine.manifest.validation);
  EXPECT_TRUE(cached_engine.manifest.validation->ran);
  EXPECT_THAT(cached_engine.manifest.validation->reference, ::testing::HasSubstr("cuda"));
  EXPECT_FALSE(cached_engine.manifest.validation->checks.empty());
  EXPECT_THAT(
      cached_engine.manifest.notes,
      ::testing::ElementsAre(::testing::StartsWith(std::string_view(GetParam().file) == "libnvinfer.so.8"
                                                       ? "Built without kernels of cuBLAS"
                                                       : "Before the build, as parsed: "),
                             ::testing::StartsWith("After the build, as the inspector tells: ")));
}

/// A builder of TensorRT takes seconds and hundreds of megabytes.
TEST_P(DoublePipeline, WithAnEngineInTheStoreNoBuilderIsMade) {
  const fs::path model_file = test::repository_file("models/demo/demo-detect.pt");
  Settings settings = this->settings();
  settings.imgsz = 64;
  PipelineOptions options;
  options.models = {model_file};
  options.engine = engine_name();
  options.unverified = true;  // no kernel runs, so nothing is found
  const auto opening = [&] {
    const int before = ask<int>("double_builders");
    Pipeline(settings, options);
    return ask<int>("double_builders") - before;
  };
  EXPECT_GT(opening(), 0);
  EXPECT_EQ(opening(), 0);
  const engine_cache::EngineContext context = engine_cache::choose_engine(settings, engine_name());
  const Model model = load_model(model_file);
  store::Store store(settings.store);
  const engine_cache::Request request{.shape = {1, 64, 64}};
  const int before = ask<int>("double_builders");
  EXPECT_FALSE(engine_cache::get_or_build(store, model, context, request).built);
  EXPECT_TRUE(store.find(engine_cache::identity_of(model, context, request)).engine);
  EXPECT_EQ(ask<int>("double_builders"), before);
}

/// A build with an open batch has a stand-in for it that no other extent equals, and TensorRT 8 takes no
/// tensor of 2^31 elements.
TEST_P(DoublePipeline, AnOpenBatchIsNotAskedForWithItsStandIn) {
  const engine_cache::EngineContext context = engine_cache::choose_engine(settings(), engine_name());
  const Model model = load_model(test::repository_file("models/demo/demo-detect.pt"));
  BuildOptions open;
  open.batches = BatchRange{1, 2, 4};
  EXPECT_EQ(test::error_text([&] {
              (void)engine_cache::prepare_graph(model, context, {9973, 320, 320}, open);
            }),
            "no error");
}

TEST_P(DoublePipeline, AllBucketsOfReidRunOneEngineWithAnOpenBatch) {
  const fs::path demo = test::repository_file("models/demo");
  PipelineOptions options;
  options.models = {demo / "demo-detect.pt"};
  options.reid = demo / "demo-reid.pth";
  const engine_cache::EngineContext context{.builder = builder_,
                                            .device = Device::cuda(0),
                                            .device_name = "NVIDIA Fake",
                                            .precision = Precision::fp16,
                                            .store = settings().store,
                                            .unverified = true};
  run(*runner(context, options, 1), 1);
  std::vector<std::pair<int, int>> reid;
  for (const store::Listing& kept : store::Store(settings().store).list())
    if (kept.manifest && kept.manifest->model.task == Task::reid)
      reid.emplace_back(kept.manifest->identity.input.batch_min, kept.manifest->identity.input.batch_max);
  EXPECT_THAT(reid, ::testing::ElementsAre(std::pair(1, 64)));
}

/// Their names tell the cases apart; one that is refused is refused for all.
TEST_P(DoublePipeline, CasesOfTheConformanceSuiteRunTogetherInOneEngine) {
  std::vector<conformance::Case> cases = conformance::block_cases();
  const BuildOptions options{.precision = Precision::fp16, .device = Device::cuda(0)};
  const auto together = conformance::run_together(cases, *builder_, options);
  ASSERT_EQ(together.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].name);
    const auto alone = conformance::run(cases[i], *builder_, options);
    EXPECT_TRUE(together[i].passed());
    ASSERT_EQ(together[i].comparisons.size(), alone.comparisons.size());
    for (std::size_t k = 0; k < alone.comparisons.size(); ++k)
      EXPECT_EQ(together[i].comparisons[k].difference, alone.comparisons[k].difference);
  }
  for (conformance::Case& test : conformance::operator_cases())
    if (test.name.starts_with("Cast.")) cases.push_back(std::move(test));
  for (const auto& refused : conformance::run_together(cases, *builder_, options)) {
    EXPECT_FALSE(refused.ran());
    EXPECT_THAT(refused.refused, ::testing::Contains(::testing::HasSubstr("Cast.")));
  }
}

/// From 10.1 on a context can be given its memory.
TEST_P(DoublePipeline, ContextsTakeTheirMemoryFromThePipelinesPoolWhenTheyAreLoaded) {
  const auto runner = this->runner(test::repository_file("models/demo/demo-detect.pt"), 1);
  const bool given = std::string_view(GetParam().name) != "run10_0";
  EXPECT_EQ(cuda_.is_pooled(ask<void*>("double_context_memory")), given);
  const int taken = cuda_.calls().at("malloc_from_pool");
  for (int i = 0; i < 2; ++i) run(*runner, 1);
  EXPECT_EQ(cuda_.calls().at("malloc_from_pool"), taken) << "taken by a run";
  EXPECT_EQ(cuda_.calls().at("pool_create"), 1);

  cuda_.fail("malloc_from_pool", 0, cudaErrorMemoryAllocation);
  try {
    this->runner(test::repository_file("models/demo/demo-detect.pt"), 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "device.memory");
  }
  cuda_.heal();
}

TEST_P(DoublePipeline, WhatCannotBeCapturedIsEnqueuedForEachRun) {
  const bool asks = GetParam().flavour == tensorrt::Flavour::rtx;  // the other layouts cannot
  const auto runner = this->runner(test::repository_file("models/demo/demo-detect.pt"), 1);
  setenv("TENSORRT_DOUBLE_FAIL", "capturable", 1);
  const int before = ask<int>("double_runs");
  for (int i = 0; i < 3; ++i) run(*runner, 1);
  EXPECT_EQ(ask<int>("double_runs") - before, asks ? 3 : 1);
  EXPECT_NE(cuda_.calls().contains("begin_capture"), asks);
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
                         ::testing::Values(Layout{"run8_5", tensorrt::Flavour::tensorrt, "libnvinfer.so.8"},
                                           Layout{"run8_6", tensorrt::Flavour::tensorrt, "libnvinfer.so.8"},
                                           Layout{"run10_0", tensorrt::Flavour::tensorrt, "libnvinfer.so.10"},
                                           Layout{"run10", tensorrt::Flavour::tensorrt, "libnvinfer.so.10"},
                                           Layout{"run11", tensorrt::Flavour::tensorrt, "libnvinfer.so.11"},
                                           Layout{"run_rtx", tensorrt::Flavour::rtx, "libtensorrt_rtx.so.1"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace peregrine
