#include <gmock/gmock.h>

#include "graph/graph.h"

namespace peregrine::graph {
namespace {

struct Recipe {
  std::string prefix = "a";
  float weight = 1;
  Conv conv{.pad = {1, 1, 1, 1}};
  Unary::Kind activation = Unary::Kind::relu;
  std::string output = "features";
  std::int64_t height = 8;
  bool swap_operands = false;
  bool dead_node = false;
  bool hint = false;
};

/// relu(conv(x)) - x, reshaped.
Graph make(const Recipe& recipe) {
  Graph graph;
  const ValueId x = graph.add_input("images", DType::f32, {1, 2, recipe.height, 8});
  HostTensor weight = HostTensor::zeros(DType::f32, {2, 2, 3, 3});
  weight.as<float>()[35] = recipe.weight;
  const ValueId w = graph.add_constant(recipe.prefix + ".weight", std::move(weight));
  if (recipe.dead_node) graph.add(recipe.prefix + ".dead", Unary{Unary::Kind::exp}, {x});
  const ValueId y = graph.add(recipe.prefix + ".conv", recipe.conv, {x, w});
  const ValueId z = graph.add(recipe.prefix + ".act", Unary{recipe.activation}, {y});
  const ValueId d = graph.add(recipe.prefix + ".sub", Binary{Binary::Kind::sub},
                              recipe.swap_operands ? std::vector{x, z} : std::vector{z, x});
  const ValueId flat = graph.add(recipe.prefix + ".flat", Reshape{{1, 2, 1, recipe.height, 8}},
                                 recipe.hint ? std::vector{d, x} : std::vector{d});
  graph.mark_output(flat, recipe.output);
  return graph;
}

TEST(Digest, IgnoresNamesDeadNodesAndHints) {
  const std::string same = digest(make({}));
  EXPECT_EQ(same.size(), 64U);
  EXPECT_EQ(digest(make({.prefix = "b"})), same);
  EXPECT_EQ(digest(make({.dead_node = true})), same);
  EXPECT_EQ(digest(make({.hint = true})), same);
  const Graph copy = make({});
  EXPECT_EQ(digest(Graph(copy)), same);
}

TEST(Digest, TellsEveryOtherDifference) {
  const std::string same = digest(make({}));
  EXPECT_NE(digest(make({.weight = 2})), same);
  EXPECT_NE(digest(make({.conv = {.dilation = {2, 2}, .pad = {2, 2, 2, 2}}})), same);
  EXPECT_NE(digest(make({.activation = Unary::Kind::sigmoid})), same);
  EXPECT_NE(digest(make({.output = "output0"})), same);
  EXPECT_NE(digest(make({.height = 9})), same);
  EXPECT_NE(digest(make({.swap_operands = true})), same);
}

TEST(Dump, ListsTheGraph) {
  EXPECT_EQ(dump(make({})),
            "input images FP32 1x2x8x8\n"
            "Conv (images, a.weight FP32 2x2x3x3) stride=1x1 dilation=1x1 pad=1,1,1,1 groups=1 -> a.conv "
            "FP32 1x2x8x8\n"
            "Relu (a.conv) -> a.act FP32 1x2x8x8\n"
            "Sub (a.act, images) -> a.sub FP32 1x2x8x8\n"
            "Reshape (a.sub) shape=1x2x1x8x8 -> a.flat FP32 1x2x1x8x8\n"
            "output features = a.flat\n");
}

}  // namespace
}  // namespace peregrine::graph
