// Hints about TensorRT, each met and then followed to its result over the test doubles and a CUDA that is
// none.
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/cuda/runtime/cuda_builder.h"
#include "engine/tensorrt/library/locate.h"
#include "engine/tensorrt/probe/probe.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "engine_cache/engine_cache.h"
#include "engine_cache/engine_context.h"
#include "engine_cache/engine_file.h"
#include "predictor/gpu/gpu_runner.h"
#include "support/error_text.h"
#include "support/fake_cuda.h"
#include "support/forwarding_builder.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using testing::HasSubstr;

constexpr const char* no_error = "no error";

class HintsOfTensorRt : public testing::Test {
 protected:
  static fs::path doubles(const std::string& name) { return fs::path(PEREGRINE_DOUBLES) / name; }
  std::string choosing(const fs::path& library, const std::string& engine) {
    Settings settings;
    settings.store = folder_.path() / "store";
    settings.tensorrt = library;
    return error_text([&] { chosen_ = engine_cache::choose_engine(settings, engine); });
  }
  static std::string finding(tensorrt::Flavour flavour, const fs::path& given) {
    return error_text([&] { (void)tensorrt::find_installation(flavour, given); });
  }
  std::shared_ptr<Builder> builder(const char* name = "run11",
                                   tensorrt::Flavour flavour = tensorrt::Flavour::tensorrt) const {
    return make_tensorrt_builder(flavour, {.library = doubles(name), .memory = folder_.path() / "memory"});
  }
  static graph::Graph relu(int batch, int side = 4) {
    graph::Graph graph;
    const auto x = graph.add_input("x", DType::f32, {batch, 3, side, side});
    graph.mark_output(graph.add("node", graph::Unary{}, {x}), "y");
    return graph;
  }
  static BuildOptions options(std::optional<BatchRange> batches = {}) {
    BuildOptions wanted{.precision = Precision::fp16, .device = Device::cuda(0)};
    wanted.batches = batches;
    return wanted;
  }
  static std::string building(const Builder& builder, const BuildOptions& wanted) {
    return error_text([&] { (void)builder.build(relu(wanted.batches ? 7 : 1), wanted); });
  }

  test::FakeCuda cuda_;
  test::TemporaryFolder folder_;
  std::optional<engine_cache::EngineContext> chosen_;
};

TEST_F(HintsOfTensorRt, AboutALibraryLeadToOneThatServes) {
  const std::string install =
      "Install libnvinfer10 or 11 with its ONNX parser from NVIDIA's repository, or name its folder with "
      "--tensorrt.";
  EXPECT_THAT(choosing(doubles("alone"), "tensorrt"), HasSubstr(install));
  EXPECT_EQ(choosing(doubles("run10"), "tensorrt"), no_error);
  EXPECT_THAT(choosing(doubles("rtx_old"), "tensorrt-rtx"),
              HasSubstr("Install the wheel tensorrt-rtx-cu13-libs, or name its folder with --tensorrt."));
  EXPECT_EQ(choosing(doubles("run_rtx"), "tensorrt-rtx"), no_error);
  EXPECT_THAT(choosing(doubles("both"), "tensorrt"),
              HasSubstr("Install another version, or pass --engine cuda."));
  EXPECT_EQ(choosing(doubles("run11"), "tensorrt"), no_error);
  EXPECT_EQ(choosing(doubles("both"), "cuda"), no_error);
}

TEST_F(HintsOfTensorRt, AboutAFolderLeadToALibrary) {
  EXPECT_THAT(finding(tensorrt::Flavour::tensorrt, folder_.path()),
              HasSubstr("Name the folder of libnvinfer.so.8, libnvinfer.so.10, libnvinfer.so.11 or "
                        "libtensorrt_rtx.so.1."));
  for (const char* name : {"run8_5", "run8_6", "run10", "run11"})
    EXPECT_EQ(finding(tensorrt::Flavour::tensorrt, doubles(name)), no_error);
  EXPECT_EQ(finding(tensorrt::Flavour::rtx, doubles("run_rtx")), no_error);

  const auto load = [](const fs::path& library, const fs::path& parser) {
    return error_text([&] { (void)tensorrt::Library({library, parser}); });
  };
  for (const char* name : {"libnvinfer.so.8", "libnvinfer.so.10", "libnvinfer.so.11", "libtensorrt_rtx.so.1"})
    std::ofstream(folder_.path() / name) << "text";
  EXPECT_THAT(
      load(folder_.path() / "libnvinfer.so.8", {}),
      HasSubstr("Install it again with what TensorRT 8 needs: cuDNN 8 and the cuBLAS of its CUDA "
                "(nvidia-cudnn-cu11 and nvidia-cublas-cu11 for the wheel of 8.5); or name another one with "
                "--tensorrt."));
  for (const char* name : {"libnvinfer.so.10", "libnvinfer.so.11", "libtensorrt_rtx.so.1"})
    EXPECT_THAT(load(folder_.path() / name, {}),
                testing::AllOf(HasSubstr("Install it again, or name another one with --tensorrt."),
                               testing::Not(HasSubstr("cu11"))));
  const fs::path ten = doubles("run10"), rtx = doubles("run_rtx");
  EXPECT_THAT(load(ten / "libnvinfer.so.10", {}),
              HasSubstr("Install libnvonnxparsers8, 10 or 11, whichever fits."));
  EXPECT_EQ(load(ten / "libnvinfer.so.10", ten / "libnvonnxparser.so.10"), no_error);
  EXPECT_THAT(load(rtx / "libtensorrt_rtx.so.1", {}),
              HasSubstr("libtensorrt_onnxparser_rtx.so.1 belongs into the same folder."));
  EXPECT_EQ(load(rtx / "libtensorrt_rtx.so.1", rtx / "libtensorrt_onnxparser_rtx.so.1"), no_error);
}

TEST_F(HintsOfTensorRt, AboutAnOptimizationLevelThatThereIsNotLeadToABuildWithoutOne) {
  const auto eight = builder("run8_5");
  BuildOptions wanted = options();
  wanted.optimization_level = 3;
  EXPECT_THAT(building(*eight, wanted), testing::AllOf(HasSubstr("usage.optimization"),
                                                       HasSubstr("TensorRT 8.5.3 has no optimization level."),
                                                       HasSubstr("Leave out --opt-level.")));
  wanted.optimization_level = {};
  EXPECT_EQ(building(*eight, wanted), no_error);
}

TEST_F(HintsOfTensorRt, AboutAGpuThatIsRefusedLeadToTheCudaEngine) {
  ASSERT_EQ(choosing(doubles("run_rtx"), "tensorrt-rtx"), no_error);  // probes, and remembers
  const fs::path file = folder_.path() / "store" / "tensorrt" / "probes.json";
  auto known = nlohmann::json::parse(std::ifstream(file));
  for (auto& result : known["results"])
    result = tensorrt::to_line({.failure = {}, .gpu = true, .refusal = "No such GPU."});
  std::ofstream(file) << known;
  EXPECT_THAT(choosing(doubles("run_rtx"), "tensorrt-rtx"), HasSubstr("Pass --engine cuda."));
  EXPECT_EQ(choosing(doubles("run_rtx"), "cuda"), no_error);
}

TEST_F(HintsOfTensorRt, AboutABuildLeadToAPlan) {
  const auto eleven = builder();
  BuildOptions wanted = options();
  wanted.precision = Precision::bf16;
  EXPECT_THAT(building(*eleven, wanted), HasSubstr("Use --precision fp16 or fp32."));
  for (const Precision precision : {Precision::fp16, Precision::fp32}) {
    wanted.precision = precision;
    EXPECT_EQ(building(*eleven, wanted), no_error);
  }
  EXPECT_THAT(building(*eleven, options(BatchRange{4, 2, 1})), HasSubstr("Give MIN:OPT:MAX, as in 1:4:16."));
  EXPECT_EQ(building(*eleven, options(BatchRange{1, 4, 16})), no_error);

  wanted = options();
  wanted.workspace_bytes = std::size_t{1} << 20;
  const std::string small = building(*eleven, wanted), advice = "Pass --workspace ";
  ASSERT_THAT(small, HasSubstr(advice));
  wanted.workspace_bytes = std::stoull(small.substr(small.find(advice) + advice.size())) << 20;
  EXPECT_EQ(building(*eleven, wanted), no_error);

  setenv("TENSORRT_DOUBLE_TYPE", "fp32", 1);
  EXPECT_THAT(building(*eleven, options()), HasSubstr("Build with --precision fp32."));
  wanted = options();
  wanted.precision = Precision::fp32;
  EXPECT_EQ(building(*eleven, wanted), no_error);
  unsetenv("TENSORRT_DOUBLE_TYPE");

  setenv("TENSORRT_DOUBLE_FAIL", "parse", 1);
  EXPECT_THAT(building(*eleven, options()), HasSubstr("Use --engine cuda for this model."));
  unsetenv("TENSORRT_DOUBLE_FAIL");
  EXPECT_THAT(make_cuda_builder()->unsupported(relu(1), {}), testing::IsEmpty());
}

TEST_F(HintsOfTensorRt, AboutMemoryLeadToAPlan) {
  const auto eleven = builder();
  const auto building = [&](int batch, int side, std::size_t mebibytes) {
    BuildOptions wanted = options();
    wanted.workspace_bytes = mebibytes << 20;
    return error_text([&] { (void)eleven->build(relu(batch, side), wanted); });
  };
  setenv("TENSORRT_DOUBLE_MEMORY", "1200", 1);
  const std::string full = building(16, 2048, 1024);
  EXPECT_THAT(full, HasSubstr("memory ran out"));
  EXPECT_THAT(
      full, HasSubstr("Free memory on the GPU (nvidia-smi shows who holds it), use a smaller batch or "
                      "image size, or a smaller workspace: `peregrine build MODEL --workspace MIB`, and run "
                      "that engine."));
  EXPECT_EQ(building(1, 2048, 1024), no_error) << "a smaller batch";
  EXPECT_EQ(building(16, 640, 1024), no_error) << "a smaller image size";
  EXPECT_EQ(building(16, 2048, 256), no_error) << "a smaller workspace";
  unsetenv("TENSORRT_DOUBLE_MEMORY");
  EXPECT_EQ(building(16, 2048, 1024), no_error) << "memory that was freed";
}

/// TensorRT 8 says "insufficient workspace" of both; what it is told to do must end.
TEST_F(HintsOfTensorRt, AboutAWorkspaceLeadToAPlanOrToMemoryThatIsFreed) {
  const auto eight = builder("run8_5");
  const auto building = [&](int batch, std::size_t mebibytes) {
    BuildOptions wanted = options();
    wanted.workspace_bytes = mebibytes << 20;
    return error_text([&] { (void)eight->build(relu(batch, 2048), wanted); });
  };
  cuda_.set_free_memory(std::size_t{1200} << 20);
  EXPECT_THAT(building(1, 2),
              testing::AllOf(HasSubstr("engine.workspace"),
                             HasSubstr("a workspace of 2 MiB and 1200 MiB free on the GPU"),
                             HasSubstr("Pass --workspace 5. If TensorRT says so again, memory on the "
                                       "GPU is short: free some (nvidia-smi shows who holds it), or "
                                       "use a smaller batch or image size.")));
  EXPECT_EQ(building(1, 5), no_error);

  setenv("TENSORRT_DOUBLE_MEMORY", "1200", 1);
  EXPECT_THAT(
      building(16, 1024),
      testing::AllOf(HasSubstr("a workspace of 1024 MiB and 1200 MiB free on the GPU"),
                     HasSubstr("Free memory on the GPU (nvidia-smi shows who holds it) until a workspace of "
                               "2049 MiB fits, and pass --workspace 2049; or use a smaller batch or image "
                               "size.")));
  EXPECT_EQ(building(1, 1024), no_error) << "a smaller batch";
  unsetenv("TENSORRT_DOUBLE_MEMORY");
  EXPECT_EQ(building(16, 2049), no_error) << "memory that was freed, and that workspace";
}

TEST_F(HintsOfTensorRt, AboutAPlanLeadToAnEngine) {
  const auto eleven = builder();
  const auto loading = [&](const Plan& plan) {
    return error_text([&] { (void)eleven->load(plan, Device::cuda(0)); });
  };
  const std::string hint = "Build the engine again: `peregrine build MODEL --rebuild`.";
  Plan plan = eleven->build(relu(1), options());
  plan.library_versions = "tensorrt 10.0.1";
  EXPECT_THAT(loading(plan), HasSubstr(hint));
  plan = eleven->build(relu(1), options());
  plan.bytes[plan.bytes.size() - 3] ^= std::byte{1};
  EXPECT_THAT(loading(plan), HasSubstr(hint));
  EXPECT_EQ(loading(eleven->build(relu(1), options())), no_error);

  const auto preferring = [&](const BatchRange& built, int batch) {
    return error_text(
        [&] { eleven->load(eleven->build(relu(7), options(built)), Device::cuda(0))->prefer_batch(batch); });
  };
  EXPECT_THAT(preferring({1, 2, 4}, 5), HasSubstr("Pass --batch 4, or build it with a larger range."));
  EXPECT_EQ(preferring({1, 2, 4}, 4), no_error);
  EXPECT_EQ(preferring({1, 2, 8}, 5), no_error);
}

TEST_F(HintsOfTensorRt, AboutRectLeadToAPipeline) {
  const auto opening = [&](std::shared_ptr<Builder> engine, bool rect) {
    return error_text([&] {
      Settings settings;
      settings.imgsz = 64;
      PipelineOptions wanted;
      wanted.models = {test::repository_file("tests/formats/data/tiny-area.pt")};
      wanted.rect = rect;
      (void)predictor::make_gpu_runner(
          {std::move(engine), Device::cuda(0), "NVIDIA Fake", Precision::fp16}, settings, wanted,
          [](std::vector<Fallback>) { return std::unique_ptr<predictor::BatchRunner>{}; });
    });
  };
  EXPECT_THAT(opening(builder(), true), HasSubstr("Leave out --rect, or pass --engine cuda."));
  EXPECT_EQ(opening(builder(), false), no_error);
  EXPECT_EQ(opening(std::make_shared<test::UntunedBuilder>(make_cuda_builder()), true), no_error);
}

TEST_F(HintsOfTensorRt, AboutUltralyticsFilesLeadToAnEngine) {
  const engine_cache::EngineContext tensorrt{builder(), Device::cuda(0), "NVIDIA Fake", Precision::fp16};
  const engine_cache::EngineContext cuda{make_cuda_builder(), Device::cuda(0), "NVIDIA Fake",
                                         Precision::fp16};
  const auto writing = [&](const char* model, const char* file) {
    return error_text([&] {
      const Model network = load_model(test::repository_file("models/demo") / model);
      engine_cache::build_engine_file(network, tensorrt, {.shape = {1, 64, 64}}, folder_.path() / file);
    });
  };
  EXPECT_THAT(writing("demo-reid.pth", "r.engine"), HasSubstr("Leave out --ultralytics."));
  EXPECT_EQ(writing("demo-detect.pt", "d.engine"), no_error);
  const Model written = load_model(folder_.path() / "d.engine");
  const auto reading = [&](const engine_cache::EngineContext& context) {
    return error_text([&] { (void)engine_cache::plan_of_engine_file(written, context); });
  };
  EXPECT_THAT(reading(cuda),
              HasSubstr("Pass --engine tensorrt or tensorrt-rtx, or give the model's checkpoint."));
  EXPECT_EQ(reading(tensorrt), no_error);
  EXPECT_EQ(error_text([&] {
              const Model checkpoint = load_model(test::repository_file("models/demo/demo-detect.pt"));
              (void)engine_cache::prepare_graph(checkpoint, cuda, {1, 64, 64}, {});
            }),
            no_error);
}

}  // namespace
}  // namespace peregrine
