// One suite, every engine (engines.cpp), every case (src/engine/conformance): results against the reference
// executor.
#include "engine/conformance/conformance.h"

#include <gmock/gmock.h>

#include "engine/conformance/engines.h"
#include "peregrine/error.h"

namespace peregrine {
namespace {

using conformance::CaseResult;
using ::testing::HasSubstr;

struct Parameter {
  const test::EngineUnderTest* engine;
  Precision precision;
};

std::string name_of(const ::testing::TestParamInfo<Parameter>& info) {
  std::string name = info.param.engine->make()->name() + "_" + to_string(info.param.precision);
  std::ranges::replace(name, '-', '_');
  return name;
}

std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  for (const test::EngineUnderTest& engine : test::engines())
    for (Precision precision : engine.precisions) all.push_back({&engine, precision});
  return all;
}

class Conformance : public ::testing::TestWithParam<Parameter> {
 protected:
  void SetUp() override {
    if (const std::string why = test::missing(engine()); !why.empty()) GTEST_SKIP() << "skipped: " << why;
  }

  const test::EngineUnderTest& engine() const { return *GetParam().engine; }
  BuildOptions options() const { return {.precision = GetParam().precision, .device = engine().device}; }

  /// A case either agrees with the reference, or is one that this engine is known to refuse.
  template <class Case>
  void expect_agreement(const Case& test) const {
    SCOPED_TRACE(test.name);
    const auto builder = engine().make();
    const CaseResult case_result = conformance::run(test, *builder, options());
    EXPECT_EQ(case_result.ran(), !engine().refuses.contains(test.name))
        << ::testing::PrintToString(case_result.refused);
    if (!case_result.ran()) return;
    for (const conformance::OutputComparison& output : case_result.comparisons)
      EXPECT_LE(output.difference, case_result.allowed)
          << output.output << " in " << to_string(case_result.precision);
    EXPECT_TRUE(case_result.passed());
  }
};

TEST_P(Conformance, Operators) {
  for (const conformance::Case& test : conformance::operator_cases()) expect_agreement(test);
}

TEST_P(Conformance, Blocks) {
  for (const conformance::Case& test : conformance::block_cases()) expect_agreement(test);
}

TEST_P(Conformance, OpenShapes) {
  if (!engine().open_shapes) GTEST_SKIP() << "skipped: shapes are fixed when this engine is built";
  for (const conformance::OpenShapeCase& test : conformance::open_shape_cases()) expect_agreement(test);
}

TEST_P(Conformance, BuildingWhatIsRefusedThrowsTheReasons) {
  const auto builder = engine().make();
  for (const conformance::Case& test : conformance::operator_cases()) {
    if (!engine().refuses.contains(test.name)) continue;
    SCOPED_TRACE(test.name);
    const graph::Graph graph = test.make();
    try {
      builder->build(graph, options());
      ADD_FAILURE() << "was built";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), "engine.unsupported");
      for (const std::string& reason : builder->unsupported(graph, {}))
        EXPECT_THAT(error.sentence(), HasSubstr(reason.substr(0, reason.size() - 1)));
    }
  }
}

/// What an engine refuses is known without its device.
TEST(Refusals, AreTheKnownOnesAndNameTheNode) {
  for (const test::EngineUnderTest& engine : test::engines()) {
    const auto builder = engine.make();
    for (const conformance::Case& test : conformance::operator_cases()) {
      SCOPED_TRACE(builder->name() + " " + test.name);
      const graph::Graph graph = test.make();
      const std::vector<std::string> reasons = builder->unsupported(graph, {});
      ASSERT_EQ(reasons.size(), engine.refuses.contains(test.name) ? 1u : 0u)
          << ::testing::PrintToString(reasons);
      for (const std::string& reason : reasons)
        EXPECT_THAT(reason,
                    HasSubstr("node (" + std::string(graph::name_of(graph.nodes()[0].operation)) + ")"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, Conformance, ::testing::ValuesIn(parameters()), name_of);

TEST(ConformanceCases, CoverEveryOperator) {
  std::set<std::size_t> covered;
  std::set<std::string> names;
  for (const conformance::Case& test : conformance::operator_cases()) {
    EXPECT_TRUE(names.insert(test.name).second) << test.name << " is there twice";
    const graph::Graph graph = test.make();
    for (const graph::Node& node : graph.nodes()) covered.insert(node.operation.index());
  }
  EXPECT_EQ(covered.size(), std::variant_size_v<graph::Operation>);
}

}  // namespace
}  // namespace peregrine
