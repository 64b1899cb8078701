#include "tools/validate/retrieval.h"

#include <gtest/gtest.h>

#include "peregrine/error.h"

namespace peregrine::validate {
namespace {

TEST(Retrieval, RanksByCosine) {
  const std::vector<Embedded> gallery{
      {"ann", {1, 0}}, {"bob", {0.8f, 0.6f}}, {"ann", {0.6f, 0.8f}}, {"bob", {0, 1}}};
  // "ann" at (1, 0): ann, bob, ann, bob -> precisions 1 and 2/3; "bob" there: ranks 2 and 4 -> 1/2 and 2/4.
  const RetrievalSummary summary = evaluate_retrieval({{"ann", {1, 0}}, {"bob", {1, 0}}}, gallery);
  EXPECT_DOUBLE_EQ(summary.rank1, 0.5);
  EXPECT_DOUBLE_EQ(summary.map, ((1 + 2.0 / 3) / 2 + 0.5) / 2);
}

TEST(Retrieval, QueriesWithoutACounterpartDoNotCount) {
  const RetrievalSummary summary = evaluate_retrieval({{"ann", {1, 0}}, {"eve", {1, 0}}}, {{"ann", {1, 0}}});
  EXPECT_DOUBLE_EQ(summary.rank1, 1);
  EXPECT_THROW(evaluate_retrieval({{"eve", {1, 0}}}, {{"ann", {1, 0}}}), Error);
}

}  // namespace
}  // namespace peregrine::validate
