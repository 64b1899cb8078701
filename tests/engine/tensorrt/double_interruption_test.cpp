// What is told, and what Ctrl-C does, while TensorRT is probed and builds: over the test doubles and a CUDA
// that is none.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "core/log.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "engine_cache/engine_context.h"
#include "graph/graph.h"
#include "peregrine/pipeline.h"
#include "support/error_text.h"
#include "support/fake_cuda.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class Interruption : public ::testing::Test {
 protected:
  void SetUp() override {
    log::set_sink([this](log::Level level, std::string_view message) {
      if (level >= log::Level::info) logged_.emplace_back(message);
    });
    settings_.store = folder_.path() / "store";
    settings_.imgsz = 64;
    settings_.detect_model = test::repository_file("models/demo/demo-detect.pt");
    use("run8_5");
  }
  void TearDown() override {
    unsetenv("TENSORRT_DOUBLE_WAIT");
    log::set_sink({});
  }
  void use(const char* folder) { settings_.tensorrt = fs::path(PEREGRINE_DOUBLES) / folder; }
  /// From here on a build of the double ends with let_it_build() alone, in a probe too.
  void make_it_wait() { setenv("TENSORRT_DOUBLE_WAIT", (folder_.path() / "go on").c_str(), 1); }
  void let_it_build() { std::ofstream(folder_.path() / "go on") << "!"; }
  std::function<bool(double, std::string_view)> listening(
      std::function<bool(std::string_view what)> goes_on) {
    return [this, goes_on](double, std::string_view what) {
      told_.emplace_back(what);
      return goes_on(what);
    };
  }
  std::string opening(const std::string& engine) {
    PipelineOptions options;
    options.models = {settings_.detect_model};
    options.engine = engine;
    options.unverified = true;  // no kernel runs, so nothing is found
    options.progress = listening([](std::string_view) { return true; });
    return error_text([&] { Pipeline(settings_, options); });
  }

  test::FakeCuda cuda_;
  test::TemporaryFolder folder_;
  Settings settings_;
  std::vector<std::string> told_, logged_;
};

TEST_F(Interruption, AProbeTellsItsSecondsAndIsEndedWhereItIsToldSo) {
  make_it_wait();
  int calls = 0;
  const auto three_times = listening([&](std::string_view) { return ++calls < 3; });
  for (const char* engine : {"auto", "tensorrt"}) {
    calls = 0;
    EXPECT_THAT(error_text([&] { (void)engine_cache::choose_engine(settings_, engine, three_times); }),
                StartsWith("interrupted.probe"));
  }
  EXPECT_THAT(told_, Contains("probing 0 s: libnvinfer.so.8"));
  EXPECT_THAT(logged_, Contains(HasSubstr("Probing TensorRT in a process of its own: ")));
  let_it_build();  // nothing is remembered of it
  const auto always = [](double, std::string_view) { return true; };
  EXPECT_EQ(engine_cache::choose_engine(settings_, "auto", always).builder->name(), "tensorrt");
}

/// TensorRT 8 can be neither asked nor stopped: seconds are told until it is done, and it is stopped then.
TEST_F(Interruption, ABuildOfTensorRt8TellsItsSecondsAndThatItIsWaitedFor) {
  const auto context = engine_cache::choose_engine(settings_, "tensorrt");
  make_it_wait();
  graph::Graph graph;
  graph.mark_output(graph.add("node", graph::Unary{}, {graph.add_input("x", DType::f32, {1, 3, 4, 4})}), "y");
  BuildOptions wanted{.precision = Precision::fp16, .device = Device::cuda(0)};
  wanted.progress = listening([&](std::string_view what) {
    if (what.starts_with("waiting ")) let_it_build();
    return what.find("TensorRT 8.5.3") == std::string::npos || what.starts_with("building 0 s");
  });
  EXPECT_THAT(error_text([&] { (void)context.builder->build(graph, wanted); }),
              StartsWith("interrupted.build"));
  EXPECT_THAT(told_, AllOf(Contains("exporting"), Contains("TensorRT reads the model"),
                           Contains("building 0 s, TensorRT 8.5.3 tells no progress"),
                           Contains(AllOf(StartsWith("waiting "),
                                          HasSubstr("TensorRT 8.5.3, which cannot be interrupted")))));
}

TEST_F(Interruption, APipelineTellsWhatItBuildsAndHowLongThatTakes) {
  EXPECT_EQ(opening("tensorrt"), "no error");
  EXPECT_THAT(told_, Contains("demo-detect.pt: building 0 s, TensorRT 8.5.3 tells no progress"));
  EXPECT_THAT(logged_,
              Contains(HasSubstr("Building demo-detect.pt for the tensorrt engine in fp16, which takes "
                                 "minutes, the first one on a GPU eight or more: this happens once")));
  EXPECT_THAT(logged_, Not(Contains(HasSubstr("--engine cuda"))));
  told_.clear();
  EXPECT_EQ(opening("auto"), "no error");
  EXPECT_THAT(told_, IsEmpty()) << "the engine is kept";
  EXPECT_THAT(logged_, Not(Contains(HasSubstr("--engine cuda"))));
}

TEST_F(Interruption, WhereAutoWouldBuildForMinutesAWarningNamesTheOtherEngine) {
  const std::string other = "--engine cuda builds Peregrine's own engine instead, in about a minute.";
  EXPECT_EQ(opening("auto"), "no error");
  EXPECT_THAT(logged_, Contains(AllOf(StartsWith("demo-detect.pt: the engine \"auto\" is TensorRT here"),
                                      HasSubstr("eight or more"), HasSubstr(other))));
  logged_.clear();
  settings_.store = folder_.path() / "another store";
  use("run_rtx");  // builds in seconds
  EXPECT_EQ(opening("auto"), "no error");
  EXPECT_THAT(logged_, Not(Contains(HasSubstr(other))));
}

}  // namespace
}  // namespace peregrine
