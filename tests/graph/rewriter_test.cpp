#include "graph/rewriter.h"

#include <gmock/gmock.h>

#include "graph/support.h"
#include "peregrine/error.h"

namespace peregrine::graph {
namespace {

class RewriterTest : public ::testing::Test {
 protected:
  Graph graph;
  ValueId x = graph.add_input("images", DType::f32, {1, 4});
  ValueId a = graph.add("a", Unary{Unary::Kind::relu}, {x});
  ValueId b = graph.add("b", Unary{Unary::Kind::exp}, {a});
  ValueId sum = graph.add("sum", Binary{}, {b, b});
  void SetUp() override { graph.mark_output(sum, "features"); }
};

TEST_F(RewriterTest, KnowsUsers) {
  const Rewriter rewriter(graph);
  EXPECT_EQ(rewriter.only_user(a), &graph.nodes()[1]);
  EXPECT_EQ(rewriter.only_user(b), nullptr) << "used twice";
  EXPECT_EQ(rewriter.only_user(sum), nullptr) << "an output";
  EXPECT_TRUE(rewriter.is_output(sum));
  EXPECT_FALSE(rewriter.is_output(b));
}

TEST_F(RewriterTest, ReplacesEveryUseAndSweeps) {
  Rewriter rewriter(graph);
  rewriter.replace(b, a);
  EXPECT_EQ(graph.nodes()[2].inputs, (std::vector{a, a}));
  EXPECT_EQ(rewriter.only_user(a), nullptr) << "used twice by the sum, and no more by b";
  rewriter.remove_unused();
  EXPECT_EQ(dump(graph),
            "input images FP32 1x4\n"
            "Relu (images) -> a FP32 1x4\n"
            "Add (a, a) -> sum FP32 1x4\n"
            "output features = sum\n");
  EXPECT_EQ(graph.producer(graph.find("sum"))->name, "sum");
  EXPECT_EQ(graph.value_count(), 3U);
  graph.add("b", Unary{}, {graph.find("a")});  // the name is free again
}

TEST_F(RewriterTest, ReplacesOutputs) {
  Rewriter rewriter(graph);
  rewriter.replace(sum, b);
  rewriter.remove_unused();
  EXPECT_EQ(graph.find("features"), graph.find("b"));
}

TEST_F(RewriterTest, ChangesNodesAndRefusesOtherShapes) {
  Rewriter rewriter(graph);
  rewriter.change(graph.nodes()[2], Unary{Unary::Kind::neg}, {a});
  EXPECT_EQ(rewriter.only_user(b), nullptr);
  rewriter.remove_unused();
  EXPECT_EQ(graph.nodes().size(), 2U);
  EXPECT_THROW(rewriter.change(graph.nodes()[1], Reshape{{4}}, {graph.find("a")}), Error);
  EXPECT_THROW(rewriter.replace(graph.find("a"), rewriter.add_constant("c", floats({1}, {0}))), Error);
}

TEST_F(RewriterTest, NodesThatNothingNeedsAreNoUsers) {
  const ValueId c = graph.add("c", Unary{Unary::Kind::sqrt}, {x});
  const ValueId d = graph.add("d", Unary{Unary::Kind::sqrt}, {c});
  const ValueId e = graph.add("e", Unary{Unary::Kind::neg}, {d});
  graph.mark_output(e, "second");
  Rewriter rewriter(graph);
  rewriter.replace(e, a);
  EXPECT_EQ(rewriter.only_user(x), graph.producer(a))
      << "c, which only d needed, which only e needed, is gone";
}

TEST_F(RewriterTest, OutputsCanBeMarkedAnew) {
  Rewriter rewriter(graph);
  rewriter.clear_outputs();
  graph.mark_output(b, "features");
  rewriter.remove_unused();
  EXPECT_EQ(graph.nodes().size(), 2U);
  EXPECT_EQ(graph.find("features"), graph.find("b"));
}

TEST_F(RewriterTest, KeepsUnusedInputs) {
  graph.add_input("second", DType::f32, {1});
  Rewriter(graph).remove_unused();
  EXPECT_EQ(graph.inputs().size(), 2U);
}

}  // namespace
}  // namespace peregrine::graph
