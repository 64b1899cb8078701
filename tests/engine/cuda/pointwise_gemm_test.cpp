// Which steps are products of matrices.
#include "engine/cuda/plan/pointwise_gemm.h"

#include <gtest/gtest.h>

#include "single_step.h"

namespace peregrine::cuda {

namespace {

Conv made(const ConvShape& shape) {
  SingleStep step(DType::f16);
  return std::get<Conv>(conv("a", shape).make(step));
}

const ConvShape plain{.n = 2, .c = 48, .h = 13, .w = 11, .k = 80, .kernel = 1, .residual = 1, .extra = 16};

TEST(PointwiseGemm, AConvolutionOfSlicesIsAGemm) {
  const auto product = as_pointwise_gemm(made(plain));
  ASSERT_TRUE(product);
  EXPECT_EQ(product->x.rows, 2 * 13 * 11);
  EXPECT_EQ(product->x.columns, 48);
  EXPECT_EQ(product->x.stride, 64);
  EXPECT_EQ(product->y.columns, 80);
  EXPECT_EQ(product->y.stride, 96);
  ASSERT_TRUE(product->residual);
  EXPECT_EQ(product->residual->stride, 96);
}

TEST(PointwiseGemm, AResidualOfHalfTheSizeHasAQuarterOfTheRows) {
  ConvShape shape = plain;
  shape.h = 14, shape.w = 10, shape.residual = 3;
  const auto product = as_pointwise_gemm(made(shape));
  ASSERT_TRUE(product && product->residual);
  EXPECT_EQ(product->y.rows, 2 * 14 * 10);
  EXPECT_EQ(product->residual->rows, 2 * 7 * 5);
}

TEST(PointwiseGemm, ALinearLayerIsAGemm) {
  SingleStep step(DType::f16);
  const Linear linear{.x = step.dense({5, 96}, true),
                      .weight = step.matrix({40, 96}),
                      .y = step.dense({5, 40}, false),
                      .bias = {},
                      .bias_f16 = {}};
  const auto product = as_pointwise_gemm(linear);
  ASSERT_TRUE(product);
  EXPECT_EQ(product->x.rows, 5);
  EXPECT_EQ(product->y.stride, 40);
}

TEST(PointwiseGemm, RowsThatLieFurtherApartAreNone) {
  Conv conv = made(plain);
  conv.x.strides[2] += 8;
  EXPECT_FALSE(as_pointwise_gemm(conv));
}

TEST(PointwiseGemm, ImagesThatLieFurtherApartAreNone) {
  Conv conv = made(plain);
  conv.residual.strides[0] += 64;
  EXPECT_FALSE(as_pointwise_gemm(conv));
}

TEST(PointwiseGemm, TheStrideOfASingleImageSaysNothing) {
  ConvShape single = plain;
  single.n = 1;
  Conv conv = made(single);
  conv.y.strides[0] += 64;
  EXPECT_TRUE(as_pointwise_gemm(conv));
}

TEST(PointwiseGemm, PixelsOffSixteenBytesAreNone) {
  Conv conv = made(plain);
  conv.y.offset += 4;
  EXPECT_FALSE(as_pointwise_gemm(conv));
  ConvShape odd = plain;
  odd.c = 20;
  EXPECT_FALSE(as_pointwise_gemm(made(odd)));
}

TEST(PointwiseGemm, WindowsStridesGroupsAndPaddingAreNone) {
  ConvShape window = plain, strided = plain, grouped = plain;
  window.kernel = 3, strided.stride = 2, grouped.groups = 2;
  for (const ConvShape& shape : {window, strided, grouped}) EXPECT_FALSE(as_pointwise_gemm(made(shape)));
  Conv padded = made(plain);
  padded.pad[0] = 1;
  EXPECT_FALSE(as_pointwise_gemm(padded));
}

TEST(PointwiseGemm, Fp32IsNone) {
  SingleStep step(DType::f32);
  EXPECT_FALSE(as_pointwise_gemm(conv("a", plain).make(step)));
}

}  // namespace
}  // namespace peregrine::cuda
