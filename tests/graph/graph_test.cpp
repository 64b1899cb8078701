#include "graph/graph.h"

#include <gmock/gmock.h>

#include "peregrine/error.h"

namespace peregrine::graph {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Graph, NamesValuesAfterTheirNodes) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, 8, 4, 4});
  const auto halves = graph.add_node("model.2.split", Split{.axis = 1, .sizes = {4, 4}}, {x});
  const ValueId joined = graph.add("model.2.cat", Concat{}, halves);
  graph.mark_output(joined, "features");

  EXPECT_EQ(graph.value(halves[1]).name, "model.2.split:1");
  EXPECT_EQ(graph.value(joined).name, "model.2.cat");
  EXPECT_EQ(graph.value(joined).shape, (Shape{1, 8, 4, 4}));
  EXPECT_EQ(graph.find("model.2.split:0"), halves[0]);
  EXPECT_EQ(graph.find("features"), joined);
  EXPECT_EQ(graph.find("nothing"), ValueId::none);
  EXPECT_EQ(graph.producer(joined), &graph.nodes()[1]);
  EXPECT_EQ(graph.producer(x), nullptr);
  EXPECT_THAT(graph.output_names(), ElementsAre("features"));
}

TEST(Graph, RefusesWhatDoesNotFitAndNamesTheNode) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, 3, 8, 8});
  const ValueId w = graph.add_constant("stem.weight", HostTensor::zeros(DType::f32, {4, 2, 3, 3}));
  const ValueId h = graph.add_constant("half", HostTensor::zeros(DType::f16, {1}));
  const auto refusal = [&](auto&& action) -> std::string {
    try {
      action();
    } catch (const Error& error) {
      return error.sentence();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal([&] {
                graph.add("stem", Conv{}, {x, w});
              }),
              AllOf(HasSubstr("'stem' (Conv)"), HasSubstr("3 input channels")));
  EXPECT_THAT(refusal([&] { graph.add("scale", Binary{}, {x, h}); }), HasSubstr("FP32 meets FP16"));
  graph.add("act", Unary{}, {x});
  EXPECT_THAT(refusal([&] { graph.add("act", Unary{}, {x}); }), HasSubstr("same name"));
  graph.mark_output(x, "a");
  EXPECT_THAT(refusal([&] { graph.mark_output(w, "a"); }), HasSubstr("called 'a'"));
}

TEST(Graph, CastChangesTheTypeAndCopiesShareConstants) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, 3});
  const ValueId w = graph.add_constant("w", HostTensor::zeros(DType::f16, {1}));
  const ValueId half = graph.add("cast", Cast{DType::f16}, {x});
  EXPECT_EQ(graph.value(half).dtype, DType::f16);
  EXPECT_EQ(graph.value(graph.add("scale", Binary{}, {half, w})).dtype, DType::f16);
  const Graph copy = graph;
  EXPECT_EQ(copy.value(w).constant, graph.value(w).constant);
  EXPECT_EQ(copy.producer(half)->name, "cast");
}

TEST(Graph, AxesCountFromTheFront) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, 2, 3});
  graph.add("softmax", Softmax{-1}, {x});
  graph.add_node("split", Split{-2, {1, 1}}, {x});
  EXPECT_EQ(std::get<Softmax>(graph.nodes()[0].operation).axis, 2);
  EXPECT_EQ(std::get<Split>(graph.nodes()[1].operation).axis, 1);
}

TEST(Operations, AreNamedByWhatTheyDo) {
  EXPECT_EQ(name_of(Unary{Unary::Kind::silu}), "Silu");
  EXPECT_EQ(name_of(Binary{Binary::Kind::div}), "Div");
  EXPECT_EQ(name_of(Pool{.kind = Pool::Kind::average}), "AveragePool");
  EXPECT_EQ(name_of(Cast{}), "Cast");
}

}  // namespace
}  // namespace peregrine::graph
