// Building, loading and running over test doubles of TensorRT (doubles/double_entry.cpp) and a CUDA that is
// none: our own paths in each layout, and what becomes of every failure. It says nothing about TensorRT
// itself.
#include <dlfcn.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "engine/conformance/conformance.h"
#include "engine/host_run.h"
#include "engine/tensorrt/tensorrt_builder.h"
#include "graph/reference.h"
#include "peregrine/error.h"
#include "support/error_text.h"
#include "support/fake_cuda.h"
#include "support/test_data.h"

namespace peregrine {
namespace {

namespace fs = std::filesystem;
using test::error_text;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Layout {
  const char* name;
  tensorrt::Flavour flavour;
  const char* file;
  const char* version;
};
void PrintTo(const Layout& layout, std::ostream* out) { *out << layout.name; }

class Double : public ::testing::TestWithParam<Layout> {
 protected:
  void SetUp() override {
    builder_ = make_tensorrt_builder(GetParam().flavour, {.library = folder(), .memory = memory_.path()});
    (void)builder_->library_versions();  // probed before anything is to fail
  }
  void TearDown() override {
    unsetenv("TENSORRT_DOUBLE_FAIL");
    unsetenv("TENSORRT_DOUBLE_TYPE");
    void* library = dlopen((folder() / GetParam().file).c_str(), RTLD_NOW | RTLD_NOLOAD);
    ASSERT_TRUE(library);
    EXPECT_EQ(reinterpret_cast<int (*)()>(dlsym(library, "double_alive"))(), 0)
        << "objects were not destroyed";
    EXPECT_STREQ(reinterpret_cast<const char* (*)()>(dlsym(library, "double_misuse"))(), "");
    EXPECT_EQ(cuda_.alive(), 0u);
    EXPECT_THAT(cuda_.misuse(), ::testing::IsEmpty());
  }
  static bool is_weakly_typed() { return std::string_view(GetParam().file) == "libnvinfer.so.8"; }
  static fs::path folder() { return fs::path(PEREGRINE_DOUBLES) / GetParam().name; }

  static graph::Graph relu(int batch) {
    graph::Graph graph;
    const auto x = graph.add_input("x", DType::f32, {batch, 3, 4, 4});
    graph.mark_output(graph.add("node", graph::Unary{}, {x}), "y");
    return graph;
  }
  static graph::Graph normalised() {
    graph::Graph graph;
    const auto x = graph.add_input("x", DType::f32, {1, 3, 4, 4});
    const auto filled = [](float value) {
      HostTensor tensor = HostTensor::zeros(DType::f32, {3});
      std::fill_n(tensor.as<float>(), 3, value);
      return std::make_shared<const HostTensor>(std::move(tensor));
    };
    const auto scale = graph.add_constant("scale", filled(1)), shift = graph.add_constant("shift", filled(0));
    graph.mark_output(graph.add("norm", graph::InstanceNorm{}, {x, scale, shift}), "y");
    return graph;
  }
  static BuildOptions options() {
    BuildOptions wanted;
    wanted.precision = Precision::fp16;
    wanted.device = Device::cuda(0);
    return wanted;
  }
  Plan build() const { return builder_->build(relu(1), options()); }
  std::string error_when_failing(const char* call, const std::function<void()>& action) const {
    setenv("TENSORRT_DOUBLE_FAIL", call, 1);
    const std::string error = error_text(action);
    unsetenv("TENSORRT_DOUBLE_FAIL");
    return error;
  }

  test::FakeCuda cuda_;
  test::TemporaryFolder memory_;
  std::unique_ptr<Builder> builder_;
};

TEST_P(Double, BuildsLoadsRunsAndInspects) {
  const Plan plan = build();
  EXPECT_EQ(plan.library_versions, GetParam().version);
  ASSERT_EQ(plan.notes.size(), 2u);
  EXPECT_THAT(plan.notes[0], HasSubstr(is_weakly_typed() ? "Built without kernels of cuBLAS, cuBLASLt, cuDNN"
                                                         : "1 of 1 layers compute in FP16"));
  EXPECT_THAT(plan.notes[1], AllOf(StartsWith("After the build"), HasSubstr("1 of 1 layers give FP16")));
  const auto engine = builder_->load(plan, Device::cuda(0));
  const graph::Graph graph = relu(1);
  const auto inputs = conformance::random_inputs(graph);
  const TensorView view = inputs[0].view();
  const auto expected = graph::run_reference(graph, {&view, 1});
  const auto actual = run_on_host(*engine, {&view, 1});
  for (std::size_t i = 0; i < 48; ++i)
    EXPECT_NEAR(actual[0].as<float>()[i], expected[0].as<float>()[i], 1e-3) << i;
}

TEST_P(Double, AnOpenBatchRunsAtEachThatFits) {
  BuildOptions wanted = options();
  wanted.batches = BatchRange{1, 2, 4};
  if (is_weakly_typed()) {  // it tells the types of weights alone, and this network has none
    EXPECT_THAT(error_text([&] { (void)builder_->build(relu(7), wanted); }), StartsWith("engine.precision"));
    wanted.precision = Precision::fp32;
  }
  const auto engine = builder_->load(builder_->build(relu(7), wanted), Device::cuda(0));
  EXPECT_EQ(engine->io()[0].shape[0], 4);
  for (const int batch : {1, 3, 4}) {
    const auto inputs = conformance::random_inputs(relu(batch));
    const TensorView view = inputs[0].view();
    const Shape shape{batch, 3, 4, 4};
    const auto out = run_on_host(*engine, {&view, 1}, {&shape, 1});
    EXPECT_EQ(out[0].shape()[0], batch);
    EXPECT_NEAR(out[0].as<float>()[0], std::max(inputs[0].as<float>()[0], 0.0f), 1e-3);
  }
  const auto five = conformance::random_inputs(relu(5));
  const TensorView view = five[0].view();
  const Shape shape{5, 3, 4, 4};
  EXPECT_THAT(error_text([&] {
                run_on_host(*engine, {&view, 1}, {&shape, 1});
              }),
              StartsWith("engine.binding"));
}

TEST_P(Double, WhatFailsIsToldInTheLibrarysWords) {
  const Plan plan = build();
  for (const char* call : {"create_builder", "create_network", "create_config", "create_parser", "build"})
    EXPECT_THAT(error_when_failing(call, [&] { build(); }),
                AllOf(StartsWith("engine.tensorrt"), HasSubstr(std::string("told to fail in ") + call)));
  EXPECT_THAT(
      error_when_failing("parse", [&] { build(); }),
      AllOf(StartsWith("engine.unsupported"),
            HasSubstr(is_weakly_typed() ? "node 3: No importer" : "node 'model.3.odd' (Odd): No importer")));
  EXPECT_THAT(error_when_failing("deserialize", [&] { builder_->load(plan, Device::cuda(0)); }),
              AllOf(StartsWith("engine.plan"), HasSubstr("told to fail in deserialize")));
  for (const char* call : {"create_runtime", "create_context", "set_input_shape", "set_address", "enqueue"})
    EXPECT_THAT(error_when_failing(call, [&] { builder_->load(plan, Device::cuda(0)); }),
                AllOf(StartsWith("engine.tensorrt"), HasSubstr(std::string("told to fail in ") + call)));
  EXPECT_THAT(error_when_failing("io_name", [&] { builder_->load(plan, Device::cuda(0)); }),
              StartsWith("engine.plan"));
  EXPECT_EQ(error_text([&] { builder_->load(plan, Device::cuda(0)); }), "no error");
}

TEST_P(Double, OfAnOpenBatchToo) {
  BuildOptions wanted = options();
  wanted.batches = BatchRange{1, 2, 4};
  for (const char* call : {"create_profile", "set_dimensions", "add_profile"})
    EXPECT_THAT(error_when_failing(call, [&] { builder_->build(relu(7), wanted); }),
                AllOf(StartsWith("engine.tensorrt"), HasSubstr(std::string("told to fail in ") + call)));
}

TEST_P(Double, MemoryOfTheDeviceThatRunsOutLeavesNothingBehind) {
  const Plan plan = build();
  for (int nth = 0; nth < 2; ++nth) {  // 10.0 has no activations of ours
    cuda_.fail("malloc", nth, cudaErrorMemoryAllocation);
    EXPECT_NE(error_text([&] { builder_->load(plan, Device::cuda(0)); }), "no error") << nth;
    cuda_.heal();
  }
}

TEST_P(Double, ATimingCacheIsADraftOnly) {
  EXPECT_EQ(error_when_failing("create_timing_cache", [&] { build(); }), "no error");
  // Where FP16 is a wish, nothing but the inspector tells what became of it.
  EXPECT_THAT(error_when_failing("create_inspector", [&] { build(); }),
              StartsWith(is_weakly_typed() ? "engine.precision" : "no error"));
}

TEST_P(Double, TimingCachesOfBuildsAtOnceAreMerged) {
  const fs::path file = memory_.path() / "timing";
  const auto words = [&] {
    std::ifstream stream(file);
    return std::set<std::string>(std::istream_iterator<std::string>(stream), {});
  };
  BuildOptions wanted = options();
  wanted.timing_cache = file;
  wanted.progress = [&](double, std::string_view) {  // another build ends meanwhile
    std::ofstream(file) << "of-another ";
    return true;
  };
  (void)builder_->build(relu(1), wanted);
  EXPECT_EQ(words().size(), 2u);
  EXPECT_TRUE(words().contains("of-another"));
  wanted.progress = {};
  (void)builder_->build(relu(2), wanted);
  EXPECT_EQ(words().size(), 3u);
}

TEST_P(Double, CancellingAndTooLittleWorkspace) {
  BuildOptions wanted = options();
  int calls = 0;
  wanted.progress = [&](double, std::string_view) { return ++calls < (is_weakly_typed() ? 3 : 4); };
  EXPECT_THAT(error_text([&] { builder_->build(relu(1), wanted); }), StartsWith("interrupted.build"));
  wanted = options();
  wanted.workspace_bytes = std::size_t{1} << 20;
  EXPECT_THAT(error_text([&] { builder_->build(relu(1), wanted); }),
              AllOf(StartsWith("engine.workspace"),
                    HasSubstr(is_weakly_typed() ? "insufficient workspace" : "it asked for 4194304 bytes"),
                    HasSubstr("Pass --workspace ")));
}

TEST_P(Double, SinglePrecisionForHalfIsAnError) {
  setenv("TENSORRT_DOUBLE_TYPE", "fp32", 1);
  EXPECT_THAT(error_text([&] { build(); }), AllOf(StartsWith("engine.precision"), HasSubstr("layer 'node'")));
  BuildOptions wanted = options();
  wanted.precision = Precision::fp32;
  const auto engine = builder_->load(builder_->build(relu(1), wanted), Device::cuda(0));
  EXPECT_EQ(engine->precision(), Precision::fp32);
}

/// The double puts a layer without a name behind each softmax, as TensorRT 8's parser may.
TEST_P(Double, WhatStaysInFp32IsAuditedInBothDirections) {
  const auto building = [&](const char* variable, const char* layer, bool decodes) {
    graph::Graph graph;
    const auto x = graph.add_input("x", DType::f32, {1, 2, 16, 4});
    const auto bins = graph.add(decodes ? "decode.softmax" : "softmax", graph::Softmax{2}, {x});
    const auto next = graph.add(decodes ? "decode.distance" : "sum", graph::Binary{}, {bins, x});
    graph.mark_output(graph.add("last", graph::Unary{}, {next}), "y");
    setenv(variable, layer, 1);
    Plan plan;
    std::string text = error_text([&] { plan = builder_->build(graph, options()); });
    unsetenv(variable);
    return text == "no error" ? text + ": " + plan.notes.back() : text;
  };
  const std::string unnamed = "(Unnamed Layer* 1) [ElementWise]";
  EXPECT_THAT(building("TENSORRT_DOUBLE_NONE", "", true), StartsWith("no error"));
  if (!is_weakly_typed()) return;
  EXPECT_THAT(building("TENSORRT_DOUBLE_NONE", "", true),
              HasSubstr("'" + unnamed + "' (it lies between layers that stay in FP32)"));
  EXPECT_THAT(building("TENSORRT_DOUBLE_NONE", "", false), HasSubstr("4 of 4 layers give FP16"));
  EXPECT_THAT(
      building("TENSORRT_DOUBLE_HALF", "decode.softmax", true),
      AllOf(StartsWith("engine.precision"), HasSubstr("FP32 was asked for in layer 'decode.softmax'")));
  for (const std::string& layer : {unnamed, std::string("sum")})
    EXPECT_THAT(building("TENSORRT_DOUBLE_SINGLE", layer.c_str(), false),
                AllOf(StartsWith("engine.precision"), HasSubstr("built layer '" + layer + "' in FP32")));
}

TEST_P(Double, APlanOfAnotherGpuOrVersionIsRefused) {
  const Plan whole = build();
  Plan plan = whole;
  plan.device_name = "NVIDIA Other (compute capability 8.9)";
  EXPECT_THAT(error_text([&] { builder_->load(plan, Device::cuda(0)); }),
              AllOf(StartsWith("engine.plan"), HasSubstr("Other")));
  plan = whole;
  plan.library_versions = "tensorrt 10.0.1";
  EXPECT_THAT(error_text([&] { builder_->load(plan, Device::cuda(0)); }),
              AllOf(StartsWith("engine.plan"), HasSubstr("10.0.1")));
  plan = whole;
  plan.bytes[plan.bytes.size() - 3] ^= std::byte{1};
  EXPECT_THAT(error_text([&] { builder_->load(plan, Device::cuda(0)); }), StartsWith("engine.plan"));
}

/// TensorRT 8 has InstanceNormalization as a plugin alone; it must be there to parse and to deserialize.
TEST_P(Double, ModelsThatNeedPluginsAreBuiltAndLoadedWhereTheyAreAndNamedWhereTheyAreNot) {
  const auto called = [](const fs::path& in) {
    void* library = dlopen((in / GetParam().file).c_str(), RTLD_NOW | RTLD_NOLOAD);
    return library ? reinterpret_cast<int (*)()>(dlsym(library, "double_plugins_registered"))() : -1;
  };
  const Plan plan = builder_->build(normalised(), options());
  EXPECT_EQ(error_text([&] { builder_->load(plan, Device::cuda(0)); }), "no error");
  EXPECT_EQ(called(folder()), GetParam().flavour == tensorrt::Flavour::rtx ? 0 : 1);

  // Copies: a file that is loaded already stays loaded, with its plugins.
  const fs::path bare = memory_.path() / "bare";
  fs::create_directories(bare);
  for (const auto& entry : fs::directory_iterator(folder()))
    if (entry.path().string().find("plugin") == std::string::npos)
      fs::copy_file(entry.path(), bare / entry.path().filename());
  const auto without = make_tensorrt_builder(GetParam().flavour, {.library = bare});
  EXPECT_EQ(error_text([&] { without->build(relu(1), options()); }), "no error");
  const std::string building = error_text([&] { without->build(normalised(), options()); });
  const std::string loading = error_text([&] { without->load(plan, Device::cuda(0)); });
  EXPECT_EQ(called(bare), 0);
  if (!is_weakly_typed()) {
    EXPECT_EQ(building, "no error");
    EXPECT_EQ(loading, "no error");
    return;
  }
  const auto said =
      AllOf(HasSubstr("There is no libnvinfer_plugin.so.8 beside " + bare.string()),
            HasSubstr("Put libnvinfer_plugin.so.8 of the same version beside libnvinfer.so.8, or "
                      "pass --engine cuda with the model's checkpoint."));
  EXPECT_THAT(building, AllOf(StartsWith("engine.unsupported"), HasSubstr("InstanceNormalization"), said));
  EXPECT_THAT(loading, AllOf(StartsWith("engine.plan"), HasSubstr("IPluginCreator not found"), said));
}

TEST_P(Double, CapturingIsAskedForWhereTheLayoutHasIt) {
  const auto engine = builder_->load(build(), Device::cuda(0));
  EXPECT_TRUE(engine->capturable({}));
  setenv("TENSORRT_DOUBLE_FAIL", "capturable", 1);
  EXPECT_EQ(engine->capturable({}), GetParam().flavour != tensorrt::Flavour::rtx);
}

TEST(TwoLibraries, ThatFailAtOnceAreEachToldInTheirOwnWords) {
  test::FakeCuda cuda;
  const test::TemporaryFolder memory;
  const auto make = [&](tensorrt::Flavour flavour, const char* folder) {
    auto builder = make_tensorrt_builder(
        flavour, {.library = fs::path(PEREGRINE_DOUBLES) / folder, .memory = memory.path()});
    (void)builder->library_versions();
    return builder;
  };
  const auto ten = make(tensorrt::Flavour::tensorrt, "run10"), rtx = make(tensorrt::Flavour::rtx, "run_rtx");
  graph::Graph graph;
  graph.mark_output(graph.add("node", graph::Unary{}, {graph.add_input("x", DType::f32, {1, 3, 4, 4})}), "y");
  setenv("TENSORRT_DOUBLE_FAIL", "build", 1);
  const auto error_in = [&](const Builder& builder) {
    return error_text(
        [&] { builder.build(graph, {.precision = Precision::fp16, .device = Device::cuda(0)}); });
  };
  for (int i = 0; i < 20; ++i) {
    std::string of_ten;
    std::thread other([&] { of_ten = error_in(*ten); });
    const std::string of_rtx = error_in(*rtx);
    other.join();
    EXPECT_EQ(of_ten,
              "engine.tensorrt: TensorRT 10.16.1 could not build the engine: double 101601 was told to fail "
              "in build.");
    EXPECT_EQ(of_rtx,
              "engine.tensorrt: TensorRT-RTX 1.7.1 could not build the engine: double 10701 was told to fail "
              "in build.");
  }
  unsetenv("TENSORRT_DOUBLE_FAIL");
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, Double,
    ::testing::Values(Layout{"run8_5", tensorrt::Flavour::tensorrt, "libnvinfer.so.8", "tensorrt 8.5.3"},
                      Layout{"run8_6", tensorrt::Flavour::tensorrt, "libnvinfer.so.8", "tensorrt 8.6.1"},
                      Layout{"run10_0", tensorrt::Flavour::tensorrt, "libnvinfer.so.10", "tensorrt 10.0.0"},
                      Layout{"run10", tensorrt::Flavour::tensorrt, "libnvinfer.so.10", "tensorrt 10.16.1"},
                      Layout{"run11", tensorrt::Flavour::tensorrt, "libnvinfer.so.11", "tensorrt 11.1.0"},
                      Layout{"run_rtx", tensorrt::Flavour::rtx, "libtensorrt_rtx.so.1",
                             "tensorrt-rtx 1.7.1"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace peregrine
