// The tuner with a made-up clock.
#include "engine/cuda/autotune/tuner.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace peregrine::cuda {
namespace {

struct Log {
  std::map<std::size_t, int> asked;
  std::vector<Tuner::Request> order;
};

/// Answers all questions with `time(request, how often this candidate was asked before)`.
Log answer_all(Tuner& tuner, const std::function<double(const Tuner::Request&, int)>& time) {
  Log log;
  while (const auto request = tuner.next_measurement()) {
    log.order.push_back(*request);
    tuner.record(time(*request, log.asked[request->tactic]++));
  }
  return log;
}

TEST(Tuner, PicksTheFastest) {
  Tuner tuner(3);
  answer_all(tuner, [](const Tuner::Request& q, int) { return std::vector<double>{10, 9, 11}[q.tactic]; });
  EXPECT_EQ(tuner.best(), 1u);
  EXPECT_DOUBLE_EQ(tuner.time_of(1), 9);
}

TEST(Tuner, ColdAndWarmCountAlike) {
  Tuner tuner(2);
  // The first is faster with warm caches, slower over all.
  answer_all(tuner, [](const Tuner::Request& q, int) {
    return q.tactic == 0 ? (q.cold ? 14.0 : 8.0) : (q.cold ? 11.0 : 10.0);
  });
  EXPECT_EQ(tuner.best(), 1u);
  EXPECT_DOUBLE_EQ(tuner.time_of(0), 11);
}

TEST(Tuner, RoundsInterleaveTactics) {
  Tuner tuner(2, {.rounds = 2, .rounds_to_trust = 2});
  const Log log = answer_all(tuner, [](const Tuner::Request&, int) { return 1.0; });
  ASSERT_EQ(log.order.size(), 8u);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(log.order[i].tactic, i / 2 % 2);
    EXPECT_EQ(log.order[i].cold, i % 2 == 1);
  }
}

TEST(Tuner, DropsWhatIsFarBehindAfterTheTrustedRounds) {
  Tuner tuner(3, {.rounds = 6, .rounds_to_trust = 2, .drop_beyond = 1.25});
  const Log log = answer_all(tuner, [](const Tuner::Request& q, int) {
    return std::vector<double>{10, 12, 13}[q.tactic];
  });
  EXPECT_EQ(log.asked.at(0), 12);
  EXPECT_EQ(log.asked.at(1), 12);  // within 1.25
  EXPECT_EQ(log.asked.at(2), 4);
  EXPECT_EQ(tuner.remaining(), 2u);
}

TEST(Tuner, StopsWhenOneIsLeft) {
  Tuner tuner(2, {.rounds = 100, .rounds_to_trust = 2});
  const Log log = answer_all(tuner, [](const Tuner::Request& q, int) { return q.tactic == 0 ? 1.0 : 2.0; });
  EXPECT_EQ(log.order.size(), 8u);
}

TEST(Tuner, OneSlowMomentDoesNotDecide) {
  Tuner tuner(2, {.rounds = 5, .rounds_to_trust = 3});
  answer_all(tuner, [](const Tuner::Request& q, int before) {
    return q.tactic == 0 ? (before == 0 ? 500.0 : 10.0) : 11.0;
  });
  EXPECT_EQ(tuner.best(), 0u);
}

TEST(Tuner, RejectedCandidatesAreNotAskedAgain) {
  Tuner tuner(2);
  int asked = 0;
  while (const auto request = tuner.next_measurement()) {
    if (request->tactic == 0) {
      ++asked;
      tuner.disqualify();
    } else {
      tuner.record(5);
    }
  }
  EXPECT_EQ(tuner.best(), 1u);
  EXPECT_EQ(asked, 1);
}

TEST(Tuner, NothingToChooseFrom) {
  Tuner none(0);
  EXPECT_FALSE(none.next_measurement());
  EXPECT_FALSE(none.best());
  Tuner tuner(1);
  while (tuner.next_measurement()) tuner.disqualify();
  EXPECT_FALSE(tuner.best());
}

}  // namespace
}  // namespace peregrine::cuda
