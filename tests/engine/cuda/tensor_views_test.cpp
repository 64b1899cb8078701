// Views against brute force: the offsets of all elements, listed.
#include "engine/cuda/plan/tensor_views.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace peregrine::cuda {
namespace {

using Offsets = std::vector<std::int64_t>;

Offsets offsets(const TensorRef& tensor) {
  Offsets list{tensor.offset};
  for (std::size_t axis = 0; axis < tensor.shape.rank(); ++axis) {
    Offsets next;
    for (std::int64_t start : list)
      for (std::int64_t i = 0; i < tensor.shape[axis]; ++i) next.push_back(start + i * tensor.strides[axis]);
    list = std::move(next);
  }
  return list;
}

TensorRef dense(const Shape& shape) {
  return {static_cast<BufferId>(0), DType::f32, 0, shape, dense_strides(shape)};
}

TensorRef channels_last_map(const Shape& shape, std::int64_t pixel, std::int64_t offset = 0) {
  TensorRef tensor = dense(shape);
  tensor.offset = offset;
  tensor.strides = {shape[2] * shape[3] * pixel, 1, shape[3] * pixel, pixel};
  return tensor;
}

/// `count` as a product of random factors, ones among them.
Shape random_shape(std::int64_t count, std::mt19937& random) {
  Shape shape;
  while (shape.rank() < 5) {
    std::vector<std::int64_t> divisors;
    for (std::int64_t d = 1; d <= count; ++d)
      if (count % d == 0) divisors.push_back(d);
    const std::int64_t factor = divisors[random() % divisors.size()];
    shape.push_back(factor);
    count /= factor;
  }
  shape.push_back(count);
  return shape;
}

/// The smallest strides that list the same elements under another shape, if any do: solved axis by axis.
bool has_reshape(const TensorRef& tensor, const Shape& shape) {
  const Offsets wanted = offsets(tensor);
  TensorRef candidate = tensor;
  candidate.shape = shape;
  candidate.strides = dense_strides(shape);
  std::int64_t step = 1;  // how far an axis' neighbour is in the list
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    candidate.strides[axis] = shape[axis] == 1 ? 1 : wanted[static_cast<std::size_t>(step)] - wanted[0];
    step *= shape[axis];
  }
  return offsets(candidate) == wanted;
}

TEST(Reshaped, ListsTheSameElementsWheneverThatIsPossible) {
  std::mt19937 random(3);
  int possible = 0, impossible = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    const std::int64_t count = 1 + static_cast<std::int64_t>(random() % 60);
    TensorRef tensor = dense(random_shape(count, random));
    if (random() % 2) {  // as a part of something larger, seen in another order
      Shape larger = tensor.shape;
      for (std::size_t i = 0; i < larger.rank(); ++i) larger[i] += static_cast<std::int64_t>(random() % 3);
      tensor.strides = dense_strides(larger);
      std::vector<std::int64_t> order{0, 1, 2, 3, 4, 5};
      if (random() % 2) std::ranges::shuffle(order, random);
      tensor = transposed(tensor, order);
    }
    const Shape shape = random_shape(count, random);
    const auto result = reshaped(tensor, shape);
    EXPECT_EQ(result.has_value(), has_reshape(tensor, shape))
        << to_string(tensor.shape) << " to " << to_string(shape);
    if (result) {
      EXPECT_EQ(offsets(*result), offsets(tensor)) << to_string(tensor.shape) << " to " << to_string(shape);
    }
    ++(result ? possible : impossible);
  }
  EXPECT_GT(possible, 300);
  EXPECT_GT(impossible, 300);
}

TEST(Reshaped, MergesHeightAndWidthOfAChannelSlice) {
  const auto flat = reshaped(channels_last_map({2, 6, 3, 4}, 16, 5), {2, 6, 12});
  ASSERT_TRUE(flat);
  EXPECT_EQ(flat->strides, (Strides{192, 1, 16}));
  EXPECT_FALSE(reshaped(*flat, {2, 72}));  // channels and pixels interleave
}

TEST(Broadcast, RepeatsMissingAndSingleDimensions) {
  const TensorRef tensor = broadcast(dense({3, 1, 2}), {4, 3, 5, 2});
  EXPECT_EQ(tensor.strides, (Strides{0, 2, 0, 1}));
}

TEST(Overlap, TellsChannelSlicesApartExactly) {
  for (std::int64_t first = 0; first < 12; ++first)
    for (std::int64_t second = 0; second < 12; ++second) {
      const TensorRef a = channels_last_map({2, 4, 3, 2}, 16, first),
                      b = channels_last_map({2, 3, 3, 2}, 16, second);
      EXPECT_EQ(overlap(a, b), first < second + 3 && second < first + 4) << first << " and " << second;
    }
}

TEST(Overlap, TellsRowsOfBatchesApart) {
  const TensorRef whole = channels_last_map({3, 8, 20, 1}, 8);
  EXPECT_FALSE(overlap(sliced(whole, 2, 0, 12), sliced(whole, 2, 12, 8)));
  EXPECT_TRUE(overlap(sliced(whole, 2, 0, 13), sliced(whole, 2, 12, 8)));
}

TEST(Overlap, NeverMissesACommonElement) {
  std::mt19937 random(4);
  int apart = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    const auto view = [&] {
      TensorRef tensor =
          dense({1 + static_cast<std::int64_t>(random() % 3), 1 + static_cast<std::int64_t>(random() % 4),
                 1 + static_cast<std::int64_t>(random() % 4)});
      for (std::size_t i = 0; i < 3; ++i) tensor.strides[i] = static_cast<std::int64_t>(random() % 20);
      tensor.offset = static_cast<std::int64_t>(random() % 30);
      return tensor;
    };
    const TensorRef a = view(), b = view();
    const Offsets in_a = offsets(a), in_b = offsets(b);
    const bool common =
        std::ranges::any_of(in_a, [&](std::int64_t i) { return std::ranges::find(in_b, i) != in_b.end(); });
    const bool told = overlap(a, b);
    EXPECT_TRUE(told || !common);
    apart += told ? 0 : 1;
  }
  EXPECT_GT(apart, 400);
}

TEST(PixelDistance, IsThereWhereRowsAndImagesGoOnWithoutAGap) {
  const TensorRef map = channels_last_map({2, 4, 3, 5}, 4);
  EXPECT_EQ(pixel_distance(map), 4);
  EXPECT_EQ(pixel_distance(sliced(map, 1, 0, 2)), 4) << "some of the channels";
  EXPECT_EQ(pixel_distance(sliced(map, 2, 0, 2)), std::nullopt) << "images end early";
  EXPECT_EQ(pixel_distance(sliced(map, 3, 0, 4)), std::nullopt) << "rows end early";
  EXPECT_EQ(pixel_distance(sliced(sliced(map, 0, 0, 1), 2, 0, 2)), 4);
  EXPECT_EQ(pixel_distance(sliced(map, 3, 0, 1)), 20) << "a column";
}

TEST(SameElements, IgnoresStridesOfSingleExtents) {
  TensorRef a = channels_last_map({1, 4, 3, 2}, 4), b = a;
  b.strides[0] = 1;
  EXPECT_TRUE(same_elements(a, b));
  b.strides[3] = 8;
  EXPECT_FALSE(same_elements(a, b));
}

}  // namespace
}  // namespace peregrine::cuda
