#include "core/tensor.h"

#include <gtest/gtest.h>

#include "core/half.h"
#include "peregrine/error.h"

namespace peregrine {
namespace {

TEST(Shape, ElementsAndText) {
  const Shape shape{2, 3, 4, 5};
  EXPECT_EQ(shape.elements(), 120);
  EXPECT_EQ(to_string(shape), "2x3x4x5");
  EXPECT_EQ(dense_strides(shape), (Strides{60, 20, 5, 1}));
  EXPECT_EQ(channels_last_strides(shape), (Strides{60, 1, 15, 3}));
  EXPECT_EQ(Shape{}.elements(), 1);
}

TEST(Shape, NineDimensionsAreRefused) { EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), Error); }

TEST(HostTensor, ConvertsHalvesToFloat) {
  HostTensor tensor(DType::f16, {2});
  tensor.as<Half>()[0] = to_half(1.5f);
  tensor.as<Half>()[1] = to_half(-0.25f);
  const HostTensor converted = tensor.to_f32();
  EXPECT_EQ(converted.as<float>()[0], 1.5f);
  EXPECT_EQ(converted.as<float>()[1], -0.25f);
}

TEST(Device, Names) {
  EXPECT_EQ(to_string(Device::cpu()), "cpu");
  EXPECT_EQ(to_string(Device::pinned()), "cpu (pinned)");
  EXPECT_EQ(to_string(Device::cuda(1)), "cuda:1");
}

}  // namespace
}  // namespace peregrine
