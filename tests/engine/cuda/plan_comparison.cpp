#include "plan_comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/reference/plan_executor.h"
#include "graph/reference.h"

namespace peregrine::test {
namespace {

using graph::ValueId;

void expect_close(const std::string& name, const HostTensor& actual, const HostTensor& expected,
                  double tolerance) {
  ASSERT_EQ(actual.shape(), expected.shape()) << name;
  double largest = 0, difference = 0;
  for (std::int64_t i = 0; i < expected.shape().elements(); ++i) {
    const double a = actual.as<float>()[i], b = expected.as<float>()[i];
    largest = std::max(largest, std::abs(b));
    difference =
        std::isfinite(a) ? std::max(difference, std::abs(a - b)) : std::numeric_limits<double>::infinity();
    if (!std::isfinite(difference)) break;
  }
  EXPECT_LE(difference, tolerance * largest) << name << ", largest value " << largest;
}

}  // namespace

std::vector<ValueId> computed_values(const graph::Graph& graph) {
  std::vector<ValueId> ids;
  for (const graph::Node& node : graph.nodes())
    ids.insert(ids.end(), node.outputs.begin(), node.outputs.end());
  return ids;
}

NamedValues named(const graph::Graph& graph, const std::vector<ValueId>& ids,
                  std::vector<HostTensor> tensors) {
  NamedValues values;
  for (std::size_t i = 0; i < ids.size(); ++i) values[graph.value(ids[i]).name] = std::move(tensors[i]);
  return values;
}

std::vector<TensorView> views(const std::vector<HostTensor>& tensors) {
  std::vector<TensorView> result;
  for (const HostTensor& tensor : tensors) result.push_back(tensor.view());
  return result;
}

NamedValues reference_values(const graph::Graph& graph, const std::vector<HostTensor>& inputs) {
  const std::vector<ValueId> ids = computed_values(graph);
  return named(graph, ids, graph::run_reference(graph, views(inputs), ids));
}

int expect_values(const cuda::ExecutionPlan& plan, const std::vector<HostTensor>& inputs,
                  const NamedValues& expected, double tolerance) {
  reference::PlanExecutor executor(plan);
  for (std::size_t i = 0; i < inputs.size(); ++i) executor.set_input(plan.bindings[i].name, inputs[i]);
  int compared = 0;
  executor.run([&](std::int32_t step) {
    for (const cuda::TracedValue& value : plan.values)
      if (value.step == step && expected.contains(value.name)) {
        expect_close(value.name, executor.read(value.tensor), expected.at(value.name), tolerance);
        ++compared;
      }
  });
  return compared;
}

}  // namespace peregrine::test
