// Conformance cases as data: small graphs with their tolerance, which every engine runs and which are
// validated against the reference executor. The
// tests run them over all engines; `peregrine selftest` runs them on a user's machine.
//
// To add a case: one line in operator_cases.cpp (an operator with its parameters and shapes) or a small graph
// in block_cases.cpp (operators whose meeting matters: fusion, aliasing, open shapes).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace peregrine::conformance {

struct Case {
  std::string name;  ///< "Conv.3x3-stride2-odd": the operator or block, then what is special
  std::function<graph::Graph()> make;
  double slack = 1;  ///< factor on tolerance(): for long sums and chains of operators
};

/// A block for engines with open shapes: the same weights for every batch, height and width.
struct OpenShapeCase {
  std::string name;
  std::function<graph::Graph(std::int64_t batch, std::int64_t height, std::int64_t width)> make;
  double slack = 1;
};

/// Every operator with several parameters and shapes.
std::vector<Case> operator_cases();
/// Operators in company.
std::vector<Case> block_cases();
std::vector<OpenShapeCase> open_shape_cases();

/// Largest difference allowed, relative to the largest value of a tensor.
double tolerance(Precision precision);

struct OutputComparison {
  std::string output;
  double difference = 0;  ///< max|a-b| / max|b|; infinite where a value is not finite
};

struct CaseResult {
  std::vector<std::string> refused;  ///< the engine's reasons; empty when it ran
  Precision precision{};             ///< what ran
  std::vector<OutputComparison> comparisons{};
  double allowed = 0;

  bool ran() const { return refused.empty(); }
  bool passed() const;
};

/// Builds, loads, runs and compares. Inputs are random, and the same each time.
CaseResult run(const Case& test, const Builder& builder, const BuildOptions& options);
/// Builds one engine in which the graphs of all cases stand side by side, for builders whose builds are long
/// (Builder::has_long_builds()). A reason to refuse one is a reason for all: run halves to find which it is.
std::vector<CaseResult> run_together(std::span<const Case> cases, const Builder& builder,
                                     const BuildOptions& options);
/// Builds once with open shapes, runs at the built shape and at two others.
CaseResult run(const OpenShapeCase& test, const Builder& builder, const BuildOptions& options);

/// Random values for the inputs of a graph.
std::vector<HostTensor> random_inputs(const graph::Graph& graph);

}  // namespace peregrine::conformance
