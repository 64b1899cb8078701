#include "graph/evaluate.h"

#include <gmock/gmock.h>

#include "core/half.h"
#include "graph/support.h"
#include "peregrine/error.h"

namespace peregrine::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<HostTensor> run(const Operation& operation, const std::vector<const HostTensor*>& inputs) {
  EXPECT_TRUE(can_evaluate(operation, inputs[0]->dtype()));
  return evaluate(operation, inputs);
}

TEST(Evaluate, MovesData) {
  const HostTensor x = counting({2, 3, 4});
  const auto turned = run(Transpose{{2, 0, 1}}, {&x});
  EXPECT_EQ(turned[0].shape(), (Shape{4, 2, 3}));
  EXPECT_THAT(values(turned[0]), ElementsAreArray({0, 4, 8,  12, 16, 20, 1, 5, 9,  13, 17, 21,
                                                   2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23}));

  EXPECT_THAT(values(run(Slice{.axis = 2, .start = 1, .end = 4, .step = 2}, {&x})[0]),
              ElementsAre(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23));
  EXPECT_THAT(values(run(Reshape{{24}}, {&x})[0]), ElementsAreArray(values(x)));

  const auto parts = run(Split{.axis = 1, .sizes = {1, 2}}, {&x});
  EXPECT_THAT(values(parts[0]), ElementsAre(0, 1, 2, 3, 12, 13, 14, 15));
  const auto joined = run(Concat{.axis = -2}, {&parts[1], &parts[0]});
  EXPECT_EQ(joined[0].shape(), x.shape());
  EXPECT_THAT(values(joined[0]), ElementsAreArray({4,  5,  6,  7,  8,  9,  10, 11, 0,  1,  2,  3,
                                                   16, 17, 18, 19, 20, 21, 22, 23, 12, 13, 14, 15}));

  const HostTensor shape = integers({3}, {1, 2, 3});
  EXPECT_THAT(values<std::int64_t>(run(Slice{.axis = 0, .start = 1, .end = 3}, {&shape})[0]),
              ElementsAre(2, 3));
}

TEST(Evaluate, ComputesWithBroadcasting) {
  const HostTensor column = floats({2, 1}, {6, 8}), row = floats({3}, {1, 2, 4});
  EXPECT_THAT(values(run(Binary{Binary::Kind::add}, {&column, &row})[0]), ElementsAre(7, 8, 10, 9, 10, 12));
  EXPECT_THAT(values(run(Binary{Binary::Kind::sub}, {&row, &column})[0]),
              ElementsAre(-5, -4, -2, -7, -6, -4));
  EXPECT_THAT(values(run(Binary{Binary::Kind::mul}, {&column, &row})[0]), ElementsAre(6, 12, 24, 8, 16, 32));
  EXPECT_THAT(values(run(Binary{Binary::Kind::div}, {&column, &row})[0]), ElementsAre(6, 3, 1.5f, 8, 4, 2));

  const HostTensor a = integers({2}, {-7, 7}), b = integers({1}, {2});
  EXPECT_THAT(values<std::int64_t>(run(Binary{Binary::Kind::div}, {&a, &b})[0]), ElementsAre(-3, 3));
}

TEST(Evaluate, IntegersOfAHostileFileAreDefined) {
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  const HostTensor a = integers({1}, {least}), minus = integers({1}, {-1}), zero = integers({1}, {0});
  EXPECT_THAT(values<std::int64_t>(run(Binary{Binary::Kind::div}, {&a, &minus})[0]), ElementsAre(least));
  EXPECT_THAT(values<std::int64_t>(run(Binary{Binary::Kind::add}, {&a, &minus})[0]),
              ElementsAre(std::numeric_limits<std::int64_t>::max()));
  EXPECT_THROW(run(Binary{Binary::Kind::div}, {&a, &zero}), Error);
  const HostTensor odd = floats({4}, {1e30f, -1e30f, std::numeric_limits<float>::quiet_NaN(), -2.7f});
  EXPECT_THAT(values<std::int64_t>(run(Cast{DType::i64}, {&odd})[0]),
              ElementsAre(::testing::Gt(9e18), ::testing::Lt(-9e18), 0, -2));
}

TEST(Evaluate, UnaryAndCast) {
  const HostTensor x = floats({3}, {-1, 0, 2});
  EXPECT_THAT(values(run(Unary{Unary::Kind::relu}, {&x})[0]), ElementsAre(0, 0, 2));
  EXPECT_THAT(values(run(Unary{Unary::Kind::neg}, {&x})[0]), ElementsAre(1, 0, -2));
  EXPECT_FLOAT_EQ(run(Unary{Unary::Kind::sigmoid}, {&x})[0].as<float>()[2], 0.8807971f);
  EXPECT_FLOAT_EQ(run(Unary{Unary::Kind::silu}, {&x})[0].as<float>()[2], 1.7615942f);
  EXPECT_FLOAT_EQ(run(Unary{Unary::Kind::exp}, {&x})[0].as<float>()[0], 0.36787945f);
  EXPECT_FLOAT_EQ(run(Unary{Unary::Kind::tanh}, {&x})[0].as<float>()[2], 0.9640276f);
  EXPECT_FLOAT_EQ(run(Unary{Unary::Kind::sqrt}, {&x})[0].as<float>()[2], 1.4142135f);
  EXPECT_EQ(to_float(run(Cast{DType::f16}, {&x})[0].as<Half>()[2]), 2);
  const HostTensor i = integers({2}, {3, -4});
  EXPECT_THAT(values(run(Cast{DType::f32}, {&i})[0]), ElementsAre(3, -4));
}

TEST(Evaluate, SaysWhatItIsNotFor) {
  EXPECT_FALSE(can_evaluate(Conv{}, DType::f32));
  EXPECT_FALSE(can_evaluate(Unary{}, DType::i64));
  EXPECT_FALSE(can_evaluate(Binary{}, DType::f16));
  EXPECT_FALSE(can_evaluate(Cast{DType::u8}, DType::f32));
  const HostTensor i = integers({1}, {1}), x = floats({1}, {1});
  EXPECT_THROW(evaluate(Unary{}, std::vector{&i}), Error);
  EXPECT_THROW(evaluate(Binary{}, std::vector{&i, &x}), Error);
}

/// The FP32 reference of attention over a large image has values that no constant may have.
TEST(Evaluate, HasNoBoundOfItsOwn) {
  const HostTensor large = HostTensor::zeros(DType::f32, {(1 << 26) + 1});
  EXPECT_EQ(evaluate(Cast{DType::f16}, std::vector{&large})[0].shape(), large.shape());
}

}  // namespace
}  // namespace peregrine::graph
