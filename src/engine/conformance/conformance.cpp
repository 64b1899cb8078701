#include "engine/conformance/conformance.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/conformance/random.h"
#include "engine/host_run.h"
#include "graph/reference.h"

namespace peregrine::conformance {

namespace {

double relative_difference(const HostTensor& actual, const HostTensor& expected) {
  double difference = 0, largest = 1e-30;
  for (std::int64_t i = 0; i < expected.shape().elements(); ++i) {
    const double a = actual.as<float>()[i], b = expected.as<float>()[i];
    if (!std::isfinite(a) || !std::isfinite(b)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::abs(a - b));
    largest = std::max(largest, std::abs(b));
  }
  return difference / largest;
}

/// An engine may keep more digits than a cast asks for: then the reference is the coarser one.
double allowed_for(const graph::Graph& graph, double slack, Precision precision) {
  double allowed = slack * tolerance(precision);
  for (const graph::Node& node : graph.nodes())
    if (const auto* cast = std::get_if<graph::Cast>(&node.operation); cast && cast->to == DType::f16)
      allowed = std::max(allowed, tolerance(Precision::fp16));
  return allowed;
}

/// Runs a loaded engine on a graph's random inputs and adds a comparison an output.
void compare(Engine& engine, const graph::Graph& graph, CaseResult& case_result) {
  const std::vector<HostTensor> inputs = random_inputs(graph);
  std::vector<TensorView> views;
  views.reserve(inputs.size());
  for (const HostTensor& input : inputs) views.push_back(input.view());
  std::vector<Shape> shapes;
  for (graph::ValueId id : graph.outputs()) shapes.push_back(graph.value(id).shape);
  const std::vector<HostTensor> expected = graph::run_reference(graph, views);
  const std::vector<HostTensor> actual = run_on_host(engine, views, shapes);
  for (std::size_t i = 0; i < expected.size(); ++i)
    case_result.comparisons.push_back({graph.output_names()[i], relative_difference(actual[i], expected[i])});
}

}  // namespace

double tolerance(Precision precision) {
  switch (precision) {
    case Precision::fp32: return 2e-6;
    case Precision::fp16: return 1e-3;  // two roundings of 2^-11
    case Precision::bf16: return 8e-3;
  }
  return 0;
}

bool CaseResult::passed() const {
  return !comparisons.empty() &&
         std::ranges::all_of(comparisons, [&](const OutputComparison& c) { return c.difference <= allowed; });
}

std::vector<HostTensor> random_inputs(const graph::Graph& graph) {
  std::vector<HostTensor> inputs;
  for (graph::ValueId id : graph.inputs())
    inputs.push_back(random_tensor(graph.value(id).shape, static_cast<std::uint32_t>(inputs.size()) + 1));
  return inputs;
}

CaseResult run(const Case& test, const Builder& builder, const BuildOptions& options) {
  const graph::Graph graph = test.make();
  CaseResult case_result{.refused = builder.unsupported(graph, options)};
  if (!case_result.ran()) return case_result;
  const auto engine = builder.load(builder.build(graph, options), options.device);
  case_result.precision = engine->precision();
  case_result.allowed = allowed_for(graph, test.slack, case_result.precision);
  compare(*engine, graph, case_result);
  return case_result;
}

CaseResult run(const OpenShapeCase& test, const Builder& builder, const BuildOptions& options) {
  const graph::Graph built_for = test.make(1, 12, 16);
  CaseResult case_result{.refused = builder.unsupported(built_for, options)};
  if (!case_result.ran()) return case_result;
  BuildOptions open = options;
  open.dynamic_size = true;
  const auto engine = builder.load(builder.build(built_for, open), options.device);
  case_result.precision = engine->precision();
  case_result.allowed = allowed_for(built_for, test.slack, case_result.precision);
  compare(*engine, built_for, case_result);
  compare(*engine, test.make(1, 8, 20), case_result);
  compare(*engine, test.make(3, 16, 8), case_result);
  return case_result;
}

}  // namespace peregrine::conformance
