#include "engine/conformance/conformance.h"

#include <algorithm>
#include <cmath>
#include <iterator>
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

/// On the tolerance where sums are rounded to FP16 on their way.
constexpr double slack_of_fp16_sums = 4;

/// An engine may keep more digits than a cast asks for: then the reference is the coarser one.
double allowed_for(const graph::Graph& graph, double slack, Precision precision, const Builder& builder) {
  double allowed = slack * tolerance(precision);
  if (precision == Precision::fp16 && builder.accumulates_in_fp16()) allowed *= slack_of_fp16_sums;
  for (const graph::Node& node : graph.nodes())
    if (const auto* cast = std::get_if<graph::Cast>(&node.operation); cast && cast->to == DType::f16)
      allowed = std::max(allowed, tolerance(Precision::fp16));
  return allowed;
}

std::vector<TensorView> views_of(std::span<const HostTensor> tensors) {
  std::vector<TensorView> views;
  for (const HostTensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

/// Adds a comparison an output of the graph.
void compare_outputs(const graph::Graph& graph, std::span<const HostTensor> inputs,
                     std::span<const HostTensor> actual, CaseResult& case_result) {
  const std::vector<HostTensor> expected = graph::run_reference(graph, views_of(inputs));
  for (std::size_t i = 0; i < expected.size(); ++i)
    case_result.comparisons.push_back({graph.output_names()[i], relative_difference(actual[i], expected[i])});
}

/// Runs a loaded engine on a graph's random inputs and adds a comparison an output.
void compare(Engine& engine, const graph::Graph& graph, CaseResult& case_result) {
  const std::vector<HostTensor> inputs = random_inputs(graph);
  std::vector<Shape> shapes;
  for (graph::ValueId id : graph.outputs()) shapes.push_back(graph.value(id).shape);
  compare_outputs(graph, inputs, run_on_host(engine, views_of(inputs), shapes), case_result);
}

/// A copy of `part` in `whole`, its names behind `prefix`.
void append(graph::Graph& whole, const graph::Graph& part, const std::string& prefix) {
  std::vector<graph::ValueId> copies(part.value_count(), graph::ValueId::none);
  const auto copy_of = [&](graph::ValueId id) -> graph::ValueId& {
    return copies.at(static_cast<std::size_t>(id));
  };
  for (std::size_t i = 0; i < part.value_count(); ++i)
    if (const auto& value = part.value(static_cast<graph::ValueId>(i)); value.constant)
      copies[i] = whole.add_constant(prefix + value.name, value.constant);
  for (graph::ValueId id : part.inputs())
    copy_of(id) = whole.add_input(prefix + part.value(id).name, part.value(id).dtype, part.value(id).shape);
  for (const graph::Node& node : part.nodes()) {
    std::vector<graph::ValueId> inputs;
    for (graph::ValueId id : node.inputs) inputs.push_back(copy_of(id));
    const auto outputs = whole.add_node(prefix + node.name, node.operation, std::move(inputs));
    for (std::size_t i = 0; i < outputs.size(); ++i) copy_of(node.outputs[i]) = outputs[i];
  }
  for (std::size_t i = 0; i < part.outputs().size(); ++i)
    whole.mark_output(copy_of(part.outputs()[i]), prefix + part.output_names()[i]);
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
  case_result.allowed = allowed_for(graph, test.slack, case_result.precision, builder);
  compare(*engine, graph, case_result);
  return case_result;
}

std::vector<CaseResult> run_together(std::span<const Case> cases, const Builder& builder,
                                     const BuildOptions& options) {
  graph::Graph whole;
  std::vector<graph::Graph> graphs;
  std::vector<HostTensor> inputs;
  for (const Case& test : cases) {
    graphs.push_back(test.make());
    append(whole, graphs.back(), test.name + "/");
    std::ranges::move(random_inputs(graphs.back()), std::back_inserter(inputs));
  }
  std::vector<CaseResult> case_results(cases.size(), {.refused = builder.unsupported(whole, options)});
  if (case_results.empty() || !case_results.front().ran()) return case_results;
  const auto engine = builder.load(builder.build(whole, options), options.device);
  const std::vector<HostTensor> outputs = run_on_host(*engine, views_of(inputs), {});
  std::span<const HostTensor> given = inputs, actual = outputs;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    case_results[i].precision = engine->precision();
    case_results[i].allowed = allowed_for(graphs[i], cases[i].slack, engine->precision(), builder);
    compare_outputs(graphs[i], given.first(graphs[i].inputs().size()), actual, case_results[i]);
    given = given.subspan(graphs[i].inputs().size());
    actual = actual.subspan(graphs[i].outputs().size());
  }
  return case_results;
}

CaseResult run(const OpenShapeCase& test, const Builder& builder, const BuildOptions& options) {
  const graph::Graph built_for = test.make(1, 12, 16);
  CaseResult case_result{.refused = builder.unsupported(built_for, options)};
  if (!case_result.ran()) return case_result;
  BuildOptions open = options;
  open.dynamic_size = true;
  const auto engine = builder.load(builder.build(built_for, open), options.device);
  case_result.precision = engine->precision();
  case_result.allowed = allowed_for(built_for, test.slack, case_result.precision, builder);
  compare(*engine, built_for, case_result);
  compare(*engine, test.make(1, 8, 20), case_result);
  compare(*engine, test.make(3, 16, 8), case_result);
  return case_result;
}

}  // namespace peregrine::conformance
