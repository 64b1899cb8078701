// Plans of real networks against the CPU engine, every tensor. The m sizes are packed in the shared data and
// take long: they run where PEREGRINE_SOAK_WEIGHTS names a folder with them unpacked (xz -dk).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <random>
#include <span>
#include <string_view>

#include "engine/conformance/conformance.h"
#include "engine/cuda/lowering/fuse/conv_pairs.h"
#include "engine/cuda/plan/plan_check.h"
#include "engine/cuda/plan/statistics.h"
#include "formats/model.h"
#include "plan_comparison.h"
#include "support/test_data.h"

namespace peregrine::test {
namespace {

struct Network {
  const char* file;
  int height, width;
  int steps;  ///< what the plan took when this was written: more is a fusion lost
};

std::string name_of(const testing::TestParamInfo<Network>& info) {
  std::string name = info.param.file;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

/// Numbers as an image has them, 0..1: on anything else the m weights, which are random, make attention
/// scores so large that FP32's own rounding shows.
std::vector<HostTensor> image(const graph::Graph& graph) {
  std::vector<HostTensor> inputs = conformance::random_inputs(graph);
  for (float& x : std::span(inputs[0].as<float>(), static_cast<std::size_t>(inputs[0].shape().elements())))
    x = std::abs(x);
  return inputs;
}

class ModelPlan : public testing::TestWithParam<Network> {
 protected:
  void SetUp() override {
    PEREGRINE_NEED_SHARED_DATA(data);
    PEREGRINE_NEED_WEIGHTS(weights, data, GetParam().file);
    model_.emplace(load_model_expecting(weights, {.task = Task::reid}));  // the OSNet export does not say it
  }

  graph::Graph graph(int batch) const { return model_->graph({batch, GetParam().height, GetParam().width}); }

 private:
  std::optional<Model> model_;
};

TEST_P(ModelPlan, EveryTensorIsThatOfTheCpuEngine) {
  const graph::Graph graph = this->graph(1);
  cuda::LoweringOptions options;
  options.precision = Precision::fp32;
  const cuda::ExecutionPlan plan = cuda::lower(graph, options);
  const std::vector<HostTensor> inputs = image(graph);
  EXPECT_GT(expect_values(plan, inputs, openvino_values(graph, inputs), 1e-3), GetParam().steps / 2);
}

/// Halves as storage, FP32 inside: what is left of the difference on a GPU is the order of its sums.
TEST_P(ModelPlan, HalvesStayClose) {
  if (std::string_view(GetParam().file).find("synthetic") != std::string_view::npos)
    GTEST_SKIP() << "random weights amplify FP16's roundings from layer to layer: only FP32 says whether "
                    "such a plan is right";
  const graph::Graph graph = this->graph(1);
  const std::vector<HostTensor> inputs = image(graph);
  EXPECT_GT(expect_values(cuda::lower(graph, {}), inputs, openvino_values(graph, inputs), 3e-2),
            GetParam().steps / 2);
}

TEST_P(ModelPlan, IsSoundAndCopiesNothing) {
  for (int batch : {1, 16}) {
    const cuda::ExecutionPlan plan = cuda::lower(graph(batch), {});
    const std::vector<std::string> found = cuda::defects(plan);
    EXPECT_TRUE(found.empty()) << found.front();
    const cuda::PlanStatistics totals = cuda::statistics(plan);
    EXPECT_FALSE(totals.steps.contains("Copy")) << cuda::dump(plan);
    EXPECT_LE(plan.steps.size(), static_cast<std::size_t>(GetParam().steps)) << cuda::dump(plan);
    EXPECT_LT(totals.arena_bytes, totals.unshared_bytes / 2);
  }
}

/// The tuner takes those pairs of convolutions as one step that are faster so: any of them, on any day.
TEST_P(ModelPlan, WithAnyOfItsPairsItIsSound) {
  std::mt19937 random(7);
  for (int batch : {1, 4}) {
    const cuda::ExecutionPlan plan = cuda::lower(graph(batch), {});
    for (int i = 0; i < 8; ++i) {
      const std::vector<std::string> found = cuda::defects(cuda::fuse_conv_pairs(
          plan, [&](const cuda::Step&, const cuda::Step&) { return random() % 2 == 0; }));
      EXPECT_TRUE(found.empty()) << found.front();
    }
  }
}

TEST_P(ModelPlan, WithSomeOfItsPairsEveryTensorIsThatOfTheCpuEngine) {
  const graph::Graph graph = this->graph(2);
  const std::vector<HostTensor> inputs = image(graph);
  const auto expected = openvino_values(graph, inputs);
  for (unsigned seed : {1u, 2u, 3u}) {
    std::mt19937 random(seed);
    const cuda::ExecutionPlan plan =
        cuda::fuse_conv_pairs(cuda::lower(graph, {.precision = Precision::fp32}),
                              [&](const cuda::Step&, const cuda::Step&) { return random() % 2 == 0; });
    EXPECT_GT(expect_values(plan, inputs, expected, 1e-3), GetParam().steps / 2) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, ModelPlan,
                         testing::Values(Network{"yolo11n.pt", 320, 256, 88},
                                         Network{"yolo11n-pose.pt", 320, 256, 94},
                                         Network{"yolo11n-seg.pt", 320, 256, 107},
                                         Network{"yolov8n.pt", 320, 256, 63},
                                         Network{"osnet_x0_25_msmt17.pth", 256, 128, 132},
                                         Network{"osnet_x0_25_msmt17.onnx", 256, 128, 132},
                                         Network{"yolo11m-synthetic.pt", 320, 256, 108},
                                         Network{"yolo11m-pose-synthetic.pt", 320, 256, 114},
                                         Network{"yolo11m-seg-synthetic.pt", 320, 256, 127},
                                         Network{"osnet_x1_0-synthetic.pth", 256, 128, 132}),
                         name_of);

/// Whatever lies in models/demo: small widths, whose channel counts are no multiples of 8.
TEST(DemoPlans, EveryTensorIsThatOfTheCpuEngine) {
  const std::filesystem::path folder = repository_file("models/demo");
  int models = 0;
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no " << folder;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".pt" && entry.path().extension() != ".pth") continue;
    const Model model = load_model(entry.path());
    const graph::Graph graph = model.graph({1, model.info().image_height, model.info().image_width});
    const std::vector<HostTensor> inputs = image(graph);
    const cuda::ExecutionPlan plan = cuda::lower(graph, {.precision = Precision::fp32});
    EXPECT_TRUE(cuda::defects(plan).empty());
    EXPECT_GT(expect_values(plan, inputs, openvino_values(graph, inputs), 1e-3), 50) << entry.path();
    ++models;
  }
  if (models == 0) GTEST_SKIP() << "no demo models in " << folder;
}

}  // namespace
}  // namespace peregrine::test
