// The whole GPU runner with calls failing in turn, from models to results, and what each failure is called.
// Kernels do not run (FakeCuda): the images have no objects.
#include <gmock/gmock.h>

#include <algorithm>

#include "core/trace.h"
#include "cuda/device.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "engine_cache/engine_context.h"
#include "fault.h"
#include "formats/model.h"
#include "pipeline_fixture.h"
#include "predictor/gpu/gpu_model.h"
#include "predictor/runners.h"
#include "support/fake_cuda.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

using predictor::BatchRunner;
using predictor::Frame;
using predictor::RunnerResult;
using test::error_of;
using test::FakeCuda;
using test::PipelineFaults;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(PipelineFaults, OutOfMemoryAtEachAllocationIsOneErrorAndLeaksNothing) {
  std::map<std::string, int> calls;
  {
    FakeCuda counting;
    make_and_run();
    calls = counting.calls();
  }
  FakeCuda cuda;
  for (const std::string name : {"malloc", "malloc_from_pool", "pool_create", "host_alloc", "stream_create",
                                 "event_create", "graph_instantiate"}) {
    ASSERT_GT(calls[name], 0) << name;
    for (int nth = 0; nth < calls[name]; ++nth) {
      SCOPED_TRACE(name + " " + std::to_string(nth));
      cuda.heal();
      cuda.fail(name, nth, cudaErrorMemoryAllocation);
      const auto error = error_of([&] { make_and_run(); });
      ASSERT_TRUE(error);
      EXPECT_THAT(error->code(), AnyOf("device.memory", "enforcement.step")) << error->what();
      EXPECT_THAT(error->sentence(), HasSubstr("out of memory (cudaErrorMemoryAllocation)"));
      EXPECT_EQ(cuda.alive(), 0u);
    }
  }
  cuda.heal();
  EXPECT_FALSE(error_of([&] { make_and_run(); })) << "the next use must work";
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST_F(PipelineFaults, EnginesTakeTheirMemoryFromThePipelinesPoolBeforeTheyRun) {
  FakeCuda cuda;
  {
    const auto runner = make();
    const auto taken = cuda.calls().at("malloc_from_pool");
    EXPECT_GE(taken, 2) << "weights and activations";
    for (int i = 0; i < 3; ++i) run(*runner);
    EXPECT_EQ(cuda.calls().at("malloc_from_pool"), taken);
    EXPECT_FALSE(cuda.calls().contains("free_async"));
  }
  EXPECT_EQ(cuda.calls().at("pool_create"), 1);
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
  cuda.fail("pool_create", 0, cudaErrorNotSupported);
  EXPECT_FALSE(error_of([&] { make_and_run(); })) << "a device without pools";
  EXPECT_EQ(cuda.alive(), 0u);
}

TEST_F(PipelineFaults, ALostDeviceEndsInOneErrorWhereverItHappens) {
  int calls = 0;
  {
    FakeCuda counting;
    make_and_run();
    calls = counting.total_calls();
  }
  const int step = std::max(1, calls / 150);
  for (int nth = 0; nth < calls; nth += step) {
    SCOPED_TRACE(nth);
    FakeCuda cuda;
    cuda.lose_device(nth);
    const auto error = error_of([&] { make_and_run(); });
    if (error) {
      EXPECT_THAT(error->code(), AnyOf("device.lost", "device.none", "environment.device", "enforcement.step",
                                       "enforcement.place"))
          << error->what();
    }
    EXPECT_EQ(cuda.alive(), 0u);
    EXPECT_THAT(cuda.misuse(), IsEmpty());
  }
}

TEST_F(PipelineFaults, AFailureNamesItsStepAndTheNextBatchWorks) {
  FakeCuda cuda;
  const auto runner = make();
  const auto failing = [&](const std::string& call, cudaError_t status) {
    cuda.fail(call, 0, status);
    const auto error = error_of([&] { run(*runner); });
    EXPECT_FALSE(error_of([&] { run(*runner); })) << "the next batch";
    return error ? error->sentence() : "";
  };
  EXPECT_THAT(failing("malloc", cudaErrorMemoryAllocation),
              HasSubstr("GPU-only operation failed: decode: cudaMalloc failed for a"));
  EXPECT_THAT(failing("event_record", cudaErrorLaunchFailure),
              HasSubstr("GPU-only operation failed: decode: "));
  EXPECT_THAT(failing("graph_launch", cudaErrorLaunchFailure),
              HasSubstr("GPU-only operation failed: inference demo-segment.pt: cudaGraphLaunch failed"));
}

TEST_F(PipelineFaults, ABatchWhoseDecodingFailedIsWaitedForToo) {
  FakeCuda cuda;
  const auto runner = make();
  for (int i = 0; i < 2; ++i) run(*runner);  // both sets of frames have their memory
  cuda.fail("memcpy_async", 1, cudaErrorLaunchFailure);
  const int before = cuda.calls().at("event_record");
  auto batch = runner->prepare({frame(), frame()});
  ASSERT_TRUE(cuda.failure_happened());
  EXPECT_EQ(cuda.calls().at("event_record") - before, 2)
      << "begun, and decoded behind the copy that was begun";
  EXPECT_TRUE(error_of([&] { runner->finish(*batch); }));
}

// What `bench --layers` prints; the times are FakeCuda's.
TEST_F(PipelineFaults, EachStepOfAnEngineIsTimedOrTheFailureIsTheOnlyError) {
  const Model model = load_model(test::repository_file("models/demo") / model_);
  const auto timed = [&] {
    predictor::GpuEngine engine(model, {builder_, Device::cuda(0), "NVIDIA Fake", Precision::fp32},
                                {2, 64, 64});
    return engine.time_layers();
  };
  FakeCuda cuda;
  const std::vector<LayerTime> layers = timed();
  EXPECT_GT(layers.size(), 50u);
  for (const LayerTime& layer : layers) {
    EXPECT_FALSE(layer.name.empty());
    EXPECT_FALSE(layer.what.empty()) << layer.name;
    EXPECT_GT(layer.least_microseconds, 0) << layer.name;
  }
  for (const char* call : {"malloc", "graph_instantiate", "event_synchronize"}) {
    cuda.fail(call, 0, cudaErrorMemoryAllocation);
    EXPECT_TRUE(error_of([&] { timed(); })) << call;
    EXPECT_EQ(cuda.alive(), 0u) << call;
    cuda.heal();
  }
  EXPECT_FALSE(error_of([&] { timed(); })) << "the next use must work";
  EXPECT_EQ(cuda.alive(), 0u);
  EXPECT_THAT(cuda.misuse(), IsEmpty());
}

TEST_F(PipelineFaults, StepsThatFailWhileTheyAreRecordedAreNamedThemselves) {
  FakeCuda cuda;
  const auto runner = make();
  cuda.fail("launch", 0, cudaErrorInvalidConfiguration);
  const auto error = error_of([&] { run(*runner); });
  ASSERT_TRUE(error);
  EXPECT_THAT(error->sentence(), HasSubstr("GPU-only operation failed: preprocess: letterbox failed"));
  EXPECT_FALSE(error_of([&] { run(*runner); }));
}

TEST_F(PipelineFaults, EachStageAndStepIsARangeAndAReplayIsOneStep) {
  class Names final : public trace::Listener {
   public:
    void begin(std::string_view name) override { names.emplace_back(name); }
    void end() noexcept override {}
    std::vector<std::string> names;
  } heard;
  FakeCuda cuda;
  const auto runner = make();
  const trace::Listening listening(heard);
  run(*runner);  // records the graph
  EXPECT_THAT(heard.names,
              ::testing::IsSupersetOf({"decode", "preprocess", "inference demo-segment.pt", "postprocess"}));
  EXPECT_GT(heard.names.size(), 20u) << "the engine's own steps";
  heard.names.clear();
  run(*runner);
  EXPECT_THAT(heard.names, ::testing::ElementsAre("decode", "inference demo-segment.pt", "postprocess"));
}

TEST_F(PipelineFaults, ModelsOfOneInputSizeShareThePreparedImages) {
  beside_ = {"demo-detect.pt", "demo-pose.pt"};
  FakeCuda cuda;
  const auto runner = make();
  const auto outcomes = run(*runner);
  const std::vector<NamedBytes>& uploads = outcomes.at(0).result.value().host_to_device;
  const auto of = [&](std::string_view name) { return std::ranges::count(uploads, name, &NamedBytes::name); };
  EXPECT_EQ(of("image descriptors"), 1) << "what the kernel that prepares them is told";
  EXPECT_EQ(of("pixels"), 2) << "each image goes to the device once";
}

TEST_F(PipelineFaults, ADriverThatDoesNotWorkIsNamedAtStartUp) {
  FakeCuda cuda;
  const auto choose = [&](bool forced, const std::string& engine) {
    Settings settings;
    settings.force_gpu_only = forced;
    cuda.fail("get_device_count", 0, cudaErrorDevicesUnavailable);
    return error_of([&] { engine_cache::choose_engine(settings, engine); });
  };
  for (const char* engine : {"auto", "cuda"}) {
    const auto error = choose(true, engine);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), "device.lost") << error->what();
    EXPECT_THAT(error->sentence(), HasSubstr("cudaErrorDevicesUnavailable"));
  }
  EXPECT_EQ(choose(false, "cuda")->code(), "device.lost");
#if PEREGRINE_OPENVINO
  EXPECT_FALSE(choose(false, "auto")) << "the CPU serves";
#endif
}

TEST_F(PipelineFaults, ARunnerThatCannotBeBuiltIsAnErrorUnderForceAndTheCpusOtherwise) {
  FakeCuda cuda;
  const auto make = [&](bool forced) {
    Settings settings;
    settings.imgsz = 64;
    settings.force_gpu_only = forced;
    PipelineOptions options;
    options.models = {test::repository_file("models/demo") / model_};
    cuda.fail("malloc", 0, cudaErrorMemoryAllocation);
    return predictor::make_runner({builder_, Device::cuda(0), "NVIDIA Fake", Precision::fp32}, settings,
                                  options);
  };
  const auto error = error_of([&] { make(true); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), "enforcement.step");
  EXPECT_THAT(error->sentence(), HasSubstr("GPU-only operation failed: build: cudaMalloc failed for "));
  EXPECT_EQ(cuda.alive(), 0u);
#if PEREGRINE_OPENVINO
  const auto runner = make(false);
  EXPECT_EQ(runner->info().engine, "openvino");
  ASSERT_EQ(runner->info().fallbacks.size(), 1u);
  EXPECT_EQ(runner->info().fallbacks[0].step, "build");
  EXPECT_THAT(runner->info().fallbacks[0].why, HasSubstr("cudaMalloc failed"));
  EXPECT_EQ(cuda.alive(), 0u) << "what the GPU's runner had is given back";
#endif
}

TEST_F(PipelineFaults, WithoutForceTheCpuServesAndTheStepIsNamedOnce) {
  FakeCuda cuda;
  const auto runner = make(false);
  run(*runner);
  for (int i = 0; i < 2; ++i) {
    cuda.fail("graph_launch", 0, cudaErrorLaunchFailure);
    const auto outcomes = run(*runner);
    ASSERT_TRUE(outcomes.at(1).result);
    EXPECT_EQ(outcomes[1].result->path, "on the CPU");
  }
  ASSERT_EQ(runner->info().fallbacks.size(), 1u);
  EXPECT_EQ(runner->info().fallbacks[0].step, "inference demo-segment.pt");
}

TEST_F(PipelineFaults, MemoryThatMovesAwayIsFoundOutByTheNextBatch) {
  int allocations = 0;
  {
    FakeCuda counting;
    const auto probe = make();
    allocations = counting.calls().at("malloc");
  }
  std::set<std::string> found;
  for (int nth = 0; nth < allocations; ++nth) {
    FakeCuda cuda;
    cuda.move_allocation(nth, cudaMemoryTypeHost);
    std::unique_ptr<BatchRunner> runner;
    const auto built = error_of([&] { runner = make(); });
    const auto ran = built ? built : error_of([&] { run(*runner); });
    if (!ran) continue;  // weights and arena are the engine's own
    const std::string sentence = ran->sentence();
    EXPECT_THAT(sentence, HasSubstr("not on GPU (it is on cpu (pinned), expected cuda:0)"));
    found.insert(sentence.substr(0, sentence.find(" not on GPU")));
  }
  EXPECT_THAT(found, ::testing::IsSupersetOf({"GPU enforcement violation: images",
                                              "GPU enforcement violation: segmentation masks",
                                              "GPU enforcement violation: box.0"}));
}

/// The names of the outputs, for every task: what is moved away between two batches is found out by the
/// second one.
TEST_F(PipelineFaults, EveryOutputIsNamedAndLeftToTheCpuWithoutForce) {
  struct Case {
    std::string model;
    bool reid;
    std::set<std::string> names;
  };
  const std::vector<Case> cases{{"demo-detect.pt", true, {"detection output", "ReID features"}},
                                {"demo-pose.pt", false, {"pose keypoints", "pose confidence", "pose boxes"}},
                                {"demo-segment.pt", false, {"segmentation masks", "detection output"}}};
  for (const Case& one : cases) {
    SCOPED_TRACE(one.model);
    model_ = one.model;
    reid_ = one.reid;
    FakeCuda cuda;
    const auto forced = make(), free = make(false);
    run(*forced);
    run(*free);
    std::set<std::string> found;
    std::size_t fallbacks = 0;
    for (const void* memory : cuda.device_memory()) {
      cuda.move(memory, cudaMemoryTypeHost);
      if (const auto error = error_of([&] { run(*forced); })) {
        const std::string sentence = error->sentence();
        EXPECT_EQ(error->code(), "enforcement.place");
        EXPECT_THAT(
            sentence,
            ::testing::MatchesRegex(
                "GPU enforcement violation: .* not on GPU \\(it is on cpu \\(pinned\\), expected cuda:0\\)"));
        const std::size_t begin = std::string_view("GPU enforcement violation: ").size();
        found.insert(sentence.substr(begin, sentence.find(" not on GPU") - begin));
      }
      const auto outcomes = run(*free);
      ASSERT_TRUE(outcomes.at(0).result);
      fallbacks += outcomes[0].result->path == "on the CPU" ? 1 : 0;
      cuda.move(memory, cudaMemoryTypeDevice);
    }
    EXPECT_THAT(found, ::testing::IsSupersetOf(one.names));
    EXPECT_GE(fallbacks, one.names.size());
    EXPECT_GE(free->info().fallbacks.size(), one.names.size());
  }
}

TEST_F(PipelineFaults, ABadIndexAndAStreamOfAnotherDevice) {
  FakeCuda cuda(2);
  const auto runner = make();
  Frame frame = this->frame();
  const cuda::DeviceBuffer memory(image_.pixels.size(), "a frame");
  frame.pixels->data = reinterpret_cast<const std::uint8_t*>(memory.data());
  frame.pixels->device = Device::cuda(0);
  cuda.set_stream_device(1);
  const cuda::Stream stream = cuda::Stream::create();
  frame.pixels->cuda_stream = stream.get();
  const auto outcomes = runner->run({&frame, 1});
  ASSERT_TRUE(outcomes[0].error);
  EXPECT_EQ(outcomes[0].error->code(), "device.stream");
  EXPECT_EQ(error_of([] { cuda::device_facts(5); })->code(), "device.index");
}

}  // namespace
}  // namespace peregrine
