#include "stages/postprocess/tasks/reid/crop_batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace peregrine::postprocess {
namespace {

/// The buckets of the rounds that a graph runs, as its kernels decide: begin, then choose and end until there
/// is no more. Every person is counted in the round that takes it.
std::vector<int> rounds_of(const BatchBuckets& buckets, int persons, std::vector<int>& taken) {
  CropBatches rounds{.persons = persons, .first = 9, .slots = 9};  // what an earlier batch left
  std::vector<int> chosen;
  taken.assign(static_cast<std::size_t>(persons), 0);
  for (rounds.begin(); rounds.more(); rounds.end()) {
    const int capacity = rounds.choose(buckets);
    EXPECT_EQ(rounds.slots, buckets.slots[capacity]);
    chosen.push_back(rounds.slots);
    for (int i = rounds.first; i < std::min(rounds.first + rounds.slots, persons); ++i)
      ++taken[static_cast<std::size_t>(i)];
    if (chosen.size() > 1000) break;  // it would never end
  }
  return chosen;
}

TEST(CropBatches, NobodyIsDroppedAndRoundsAreAsFewAsCanBe) {
  constexpr BatchBuckets buckets{.count = 4, .slots = {1, 4, 16, 64}};
  for (int persons = 0; persons <= 200; ++persons) {
    SCOPED_TRACE(persons);
    std::vector<int> taken;
    const std::vector<int> rounds = rounds_of(buckets, persons, taken);
    EXPECT_TRUE(std::ranges::all_of(taken, [](int times) { return times == 1; }));
    ASSERT_EQ(rounds.size(), static_cast<std::size_t>((persons + 63) / 64));
    for (std::size_t i = 0; i + 1 < rounds.size(); ++i) EXPECT_EQ(rounds[i], 64);
    if (rounds.empty()) continue;
    const int rest = persons - 64 * (static_cast<int>(rounds.size()) - 1);
    EXPECT_EQ(rounds.back(), rest > 16 ? 64 : rest > 4 ? 16 : rest > 1 ? 4 : 1) << "no larger than needed";
  }
}

TEST(CropBatches, AModelOfAFixedBatchHasOneCapacity) {
  constexpr BatchBuckets buckets{.count = 1, .slots = {8}};
  for (int persons = 0; persons <= 33; ++persons) {
    SCOPED_TRACE(persons);
    std::vector<int> taken;
    EXPECT_EQ(rounds_of(buckets, persons, taken),
              std::vector<int>(static_cast<std::size_t>((persons + 7) / 8), 8));
    EXPECT_TRUE(std::ranges::all_of(taken, [](int times) { return times == 1; }));
  }
}

}  // namespace
}  // namespace peregrine::postprocess
