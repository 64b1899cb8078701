// Plans of real networks against the CPU engine, every tensor: n sizes always, m sizes where PEREGRINE_SOAK is set.
#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/conformance/conformance.h"
#include "engine/cuda/plan_check.h"
#include "engine/cuda/statistics.h"
#include "model/model.h"
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
  name = name.substr(0, name.find('.'));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-'; }, '_');
  return name;
}

class ModelPlan : public testing::TestWithParam<Network> {};

TEST_P(ModelPlan, EveryTensorIsThatOfTheCpuEngine) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const Model model = load_model(data / "weights" / GetParam().file);
  const graph::Graph graph = model.graph({1, GetParam().height, GetParam().width});
  cuda::LoweringOptions options;
  options.precision = Precision::fp32;
  const cuda::ExecutionPlan plan = cuda::lower(graph, options);
  const std::vector<HostTensor> inputs = conformance::random_inputs(graph);
  EXPECT_GT(expect_values(plan, inputs, openvino_values(graph, inputs), 1e-3), GetParam().steps / 2);
}

TEST_P(ModelPlan, IsSoundAndCopiesNothing) {
  PEREGRINE_NEED_SHARED_DATA(data);
  const Model model = load_model(data / "weights" / GetParam().file);
  for (int batch : {1, 16}) {
    const cuda::ExecutionPlan plan = cuda::lower(model.graph({batch, GetParam().height, GetParam().width}), {});
    const std::vector<std::string> found = cuda::defects(plan);
    EXPECT_TRUE(found.empty()) << found.front();
    const cuda::PlanStatistics totals = cuda::statistics(plan);
    EXPECT_FALSE(totals.steps.contains("Copy")) << cuda::dump(plan);
    EXPECT_LE(plan.steps.size(), static_cast<std::size_t>(GetParam().steps)) << cuda::dump(plan);
    EXPECT_LT(totals.arena_bytes, totals.unshared_bytes / 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, ModelPlan,
                         testing::Values(Network{"yolo11n.pt", 320, 256, 88}, Network{"yolo11n-pose.pt", 320, 256, 94},
                                         Network{"yolo11n-seg.pt", 320, 256, 97}, Network{"yolov8n.pt", 320, 256, 63},
                                         Network{"osnet_x0_25_msmt17.pth", 256, 128, 132}),
                         name_of);

}  // namespace
}  // namespace peregrine::test
