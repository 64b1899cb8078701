#include "graph/shapes.h"

#include <gmock/gmock.h>

#include "peregrine/error.h"

namespace peregrine::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Shape one(const Operation& operation, std::vector<Shape> inputs) {
  const auto outputs = infer_shapes(operation, inputs);
  EXPECT_EQ(outputs.size(), 1U);
  return outputs.at(0);
}

std::string refusal(const Operation& operation, std::vector<Shape> inputs) {
  try {
    infer_shapes(operation, inputs);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "model.shape");
    return error.sentence();
  }
  return "accepted";
}

TEST(Shapes, Convolution) {
  const Conv stem{.stride = {2, 2}, .pad = {1, 1, 1, 1}};
  EXPECT_EQ(one(stem, {{2, 3, 640, 480}, {16, 3, 3, 3}, {16}}), (Shape{2, 16, 320, 240}));
  EXPECT_EQ(one(Conv{.groups = 8}, {{1, 8, 5, 5}, {8, 1, 3, 3}}), (Shape{1, 8, 3, 3}));
  EXPECT_EQ(one(Conv{.dilation = {2, 1}}, {{1, 4, 9, 9}, {4, 4, 3, 3}}), (Shape{1, 4, 5, 7}));
  EXPECT_EQ(one(Conv{.pad = {0, 1, 0, 2}}, {{1, 4, 3, 3}, {4, 4, 3, 3}}), (Shape{1, 4, 1, 4}));
  EXPECT_THAT(refusal(Conv{}, {{1, 4, 9, 9}, {4, 3, 3, 3}}), HasSubstr("4 input channels"));
  EXPECT_THAT(refusal(Conv{}, {{1, 4, 9, 9}, {4, 4, 3, 3}, {5}}), HasSubstr("the bias"));
  EXPECT_THAT(refusal(Conv{}, {{1, 4, 2, 9}, {4, 4, 3, 3}}), HasSubstr("does not fit"));
  EXPECT_THAT(refusal(Conv{.stride = {0, 1}}, {{1, 4, 9, 9}, {4, 4, 3, 3}}), HasSubstr("positive"));
  EXPECT_THAT(refusal(Conv{}, {{1, 4, 9, 9}}), HasSubstr("1 inputs"));
}

TEST(Shapes, TransposedConvolution) {
  EXPECT_EQ(one(ConvTranspose{.stride = {2, 2}}, {{1, 64, 80, 80}, {64, 32, 2, 2}, {32}}),
            (Shape{1, 32, 160, 160}));
  EXPECT_EQ(one(ConvTranspose{.stride = {2, 2}, .pad = {1, 1, 1, 1}, .output_pad = {1, 1}},
                {{1, 4, 5, 5}, {4, 6, 3, 3}}),
            (Shape{1, 6, 10, 10}));
  EXPECT_THAT(refusal(ConvTranspose{.pad = {3, 0, 0, 0}}, {{1, 4, 5, 5}, {4, 6, 3, 3}}),
              HasSubstr("out of range"));
}

TEST(Shapes, LinearAndNormalisation) {
  EXPECT_EQ(one(Linear{}, {{7, 128}, {512, 128}, {512}}), (Shape{7, 512}));
  EXPECT_THAT(refusal(Linear{}, {{7, 128}, {512, 127}}), HasSubstr("128 input features"));
  EXPECT_EQ(one(BatchNorm{}, {{1, 8, 4, 4}, {8}, {8}, {8}, {8}}), (Shape{1, 8, 4, 4}));
  EXPECT_EQ(one(InstanceNorm{}, {{1, 8, 4, 4}, {8}, {8}}), (Shape{1, 8, 4, 4}));
  EXPECT_THAT(refusal(BatchNorm{}, {{1, 8, 4, 4}, {8}, {8}, {8}, {9}}), HasSubstr("normalisation"));
}

TEST(Shapes, Broadcasting) {
  EXPECT_EQ(one(Binary{}, {{2, 8, 4, 4}, {8, 1, 1}}), (Shape{2, 8, 4, 4}));
  EXPECT_EQ(one(Binary{}, {{1}, {2, 3}}), (Shape{2, 3}));
  EXPECT_EQ(one(Binary{}, {{2, 1}, {1, 3}}), (Shape{2, 3}));
  EXPECT_EQ(one(Binary{}, {Shape{}, {4}}), (Shape{4}));
  EXPECT_THAT(refusal(Binary{}, {{2, 3}, {2}}), HasSubstr("broadcast"));
}

TEST(Shapes, ConcatSplitSlice) {
  EXPECT_EQ(one(Concat{.axis = 1}, {{1, 2, 4}, {1, 3, 4}, {1, 4, 4}}), (Shape{1, 9, 4}));
  EXPECT_EQ(one(Concat{.axis = -1}, {{1, 2, 4}, {1, 2, 5}}), (Shape{1, 2, 9}));
  EXPECT_THAT(refusal(Concat{.axis = 1}, {{1, 2, 4}, {1, 2, 5}}), HasSubstr("joined"));
  EXPECT_THAT(refusal(Concat{.axis = 1}, {{1, 2}, {1, 2, 5}}), HasSubstr("joined"));
  EXPECT_THAT(infer_shapes(Split{.axis = 1, .sizes = {2, 6}}, std::vector<Shape>{{1, 8, 4}}),
              ElementsAre(Shape{1, 2, 4}, Shape{1, 6, 4}));
  EXPECT_THAT(refusal(Split{.axis = 1, .sizes = {2, 5}}, {{1, 8, 4}}), HasSubstr("make up"));
  EXPECT_EQ(one(Slice{.axis = 2, .start = 1, .end = 8, .step = 3}, {{1, 2, 8}}), (Shape{1, 2, 3}));
  EXPECT_THAT(refusal(Slice{.axis = 2, .start = 0, .end = 9}, {{1, 2, 8}}), HasSubstr("do not exist"));
  EXPECT_THAT(refusal(Slice{.axis = 3, .start = 0, .end = 1}, {{1, 2, 8}}), HasSubstr("axis 3"));
}

TEST(Shapes, ReshapeAndTranspose) {
  EXPECT_EQ(one(Reshape{{1, 16, 6}}, {{1, 4, 4, 6}}), (Shape{1, 16, 6}));
  EXPECT_EQ(one(Reshape{{1, 8, 2, 3}}, {{1, 8, 6}, {1, 1, 2, 3}}), (Shape{1, 8, 2, 3}));
  EXPECT_THAT(refusal(Reshape{{1, 8, 2, 3}}, {{1, 8, 6}, {1, 1, 3, 2}}), HasSubstr("last two"));
  EXPECT_THAT(refusal(Reshape{{1, 15, 6}}, {{1, 4, 4, 6}}), HasSubstr("cannot become"));
  EXPECT_THAT(refusal(Reshape{{-1, -96}}, {{1, 4, 4, 6}}), HasSubstr("empty"));
  EXPECT_EQ(one(Transpose{{0, 2, 1}}, {{1, 4, 5}}), (Shape{1, 5, 4}));
  EXPECT_THAT(refusal(Transpose{{0, 1, 1}}, {{1, 4, 5}}), HasSubstr("permutation"));
}

TEST(Shapes, MatMulSoftmaxUnaryCast) {
  EXPECT_EQ(one(MatMul{}, {{2, 3, 4, 5}, {2, 3, 5, 6}}), (Shape{2, 3, 4, 6}));
  EXPECT_THAT(refusal(MatMul{}, {{2, 4, 5}, {2, 4, 5}}), HasSubstr("multiplied"));
  EXPECT_EQ(one(Softmax{}, {{2, 3}}), (Shape{2, 3}));
  EXPECT_THAT(refusal(Softmax{.axis = 2}, {{2, 3}}), HasSubstr("axis 2"));
  EXPECT_EQ(one(Unary{}, {{2, 3}}), (Shape{2, 3}));
  EXPECT_EQ(one(Cast{DType::f16}, {{2, 3}}), (Shape{2, 3}));
}

TEST(Shapes, PoolingAndUpsampling) {
  EXPECT_EQ(one(Pool{.kernel = {5, 5}, .pad = {2, 2, 2, 2}}, {{1, 8, 20, 20}}), (Shape{1, 8, 20, 20}));
  EXPECT_EQ(one(Pool{.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}}, {{1, 8, 128, 64}}),
            (Shape{1, 8, 64, 32}));
  EXPECT_THAT(refusal(Pool{.kernel = {2, 2}, .pad = {2, 0, 0, 0}}, {{1, 8, 4, 4}}),
              HasSubstr("whole window"));
  EXPECT_EQ(one(GlobalAveragePool{}, {{3, 8, 4, 5}}), (Shape{3, 8, 1, 1}));
  EXPECT_EQ(one(Upsample{.factor = {2, 3}}, {{1, 8, 4, 4}}), (Shape{1, 8, 8, 12}));
  EXPECT_THAT(refusal(Upsample{.factor = {0, 2}}, {{1, 8, 4, 4}}), HasSubstr("enlarge"));
}

TEST(Shapes, NumbersOfAHostileFileDoNotOverflow) {
  constexpr std::int64_t huge = std::int64_t{1} << 62;
  EXPECT_THAT(refusal(Conv{.stride = {huge, 1}}, {{1, 1, 4, 4}, {1, 1, 1, 1}}), HasSubstr("positive"));
  EXPECT_THAT(refusal(Conv{.pad = {huge, 0, huge, 0}}, {{1, 1, 4, 4}, {1, 1, 1, 1}}), HasSubstr("positive"));
  EXPECT_THAT(refusal(ConvTranspose{.stride = {huge, 1}}, {{1, 1, 4, 4}, {1, 1, 1, 1}}),
              HasSubstr("out of range"));
  EXPECT_THAT(refusal(Reshape{{huge, huge, huge}}, {{1, 4}}), HasSubstr("larger than any memory"));
  EXPECT_THAT(refusal(Upsample{.factor = {huge, 1}}, {{1, 1, 4, 4}}), HasSubstr("enlarge"));
  EXPECT_THAT(refusal(Split{.axis = 0, .sizes = {huge, huge, huge, huge, 4}}, {{4}}), HasSubstr("make up"));
  EXPECT_EQ(one(Slice{.axis = 0, .start = 0, .end = 4, .step = huge}, {{4}}), (Shape{1}));
}

}  // namespace
}  // namespace peregrine::graph
