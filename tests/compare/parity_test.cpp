#include "compare/parity.h"

#include <gmock/gmock.h>

namespace peregrine::compare {
namespace {

Object object(float x, float confidence, int class_id = 0) {
  Object made;
  made.class_id = class_id;
  made.confidence = confidence;
  made.box = {x, 10, x + 40, 90};
  return made;
}

TEST(Parity, EqualResultsPass) {
  const std::vector<Object> objects{object(10, 0.9f), object(200, 0.5f)};
  Parity parity({});
  parity.add({"a.jpg", objects, objects, {}});
  EXPECT_EQ(parity.objects(), 2);
  EXPECT_EQ(parity.found(), 2);
  EXPECT_EQ(parity.extra(), 0);
  EXPECT_TRUE(parity.passed());
}

TEST(Parity, AMissingObjectWithARightCandidateIsATie) {
  const std::vector<Object> reference{object(10, 0.9f)}, tested{object(14, 0.89f)};
  const std::vector<ParityCandidate> candidates{{{10.5f, 10, 50, 90}, 0.9f, 0}};
  Parity with({}), without({});
  with.add({"a.jpg", reference, tested, candidates});
  without.add({"a.jpg", reference, tested, {}});
  EXPECT_EQ(with.nms_ties(), 1);
  EXPECT_EQ(without.nms_ties(), 0);
  ASSERT_EQ(with.departures().size(), 1u);
  EXPECT_THAT(with.departures()[0].what, testing::HasSubstr("box departs by 4.00 px"));
}

TEST(Parity, OneMissIsAllowedTwoAreNot) {
  std::vector<Object> reference;
  for (int i = 0; i < 20; ++i) reference.push_back(object(static_cast<float>(100 * i), 0.8f));
  Parity one({}), two({});
  one.add({"a.jpg", reference, std::span(reference).subspan(1), {}});
  two.add({"a.jpg", reference, std::span(reference).subspan(2), {}});
  EXPECT_TRUE(one.passed());
  EXPECT_FALSE(two.passed());
}

TEST(Parity, ClassesAreNotMixedAndExtrasAreCounted) {
  const std::vector<Object> reference{object(10, 0.9f, 0)}, tested{object(10, 0.9f, 1)};
  Parity parity({});
  parity.add({"a.jpg", reference, tested, {}});
  EXPECT_EQ(parity.found(), 0);
  EXPECT_EQ(parity.extra(), 1);
}

TEST(Parity, MasksKeypointsAndEmbeddingsAreJudged) {
  Object reference = object(0, 0.9f), tested = object(0, 0.9f);
  reference.keypoints = {{10, 10, 0.9f}, {20, 20, 0.1f}};
  tested.keypoints = {{13, 14, 0.9f}, {90, 90, 0.1f}};
  Parity keypoints({});
  keypoints.add({"a.jpg", {&reference, 1}, {&tested, 1}, {}});
  EXPECT_FLOAT_EQ(keypoints.worst_keypoint_px(), 5);
  EXPECT_FALSE(keypoints.passed());
  reference = object(0, 0.9f), tested = object(0, 0.9f);
  reference.mask = RunLengthMask{4, 4, {0, 8, 8}};
  tested.mask = RunLengthMask{4, 4, {0, 4, 12}};
  reference.embedding = {1, 0}, tested.embedding = {0, 1};
  Parity masks({});
  masks.add({"a.jpg", {&reference, 1}, {&tested, 1}, {}});
  EXPECT_FLOAT_EQ(masks.worst_mask_iou(), 0.5f);
  EXPECT_FLOAT_EQ(masks.worst_embedding_cosine(), 0);
  EXPECT_FALSE(masks.passed());
}

}  // namespace
}  // namespace peregrine::compare
