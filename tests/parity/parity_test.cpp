#include "parity/parity.h"

#include <gmock/gmock.h>

#include <limits>

namespace peregrine::parity {
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
  ASSERT_EQ(with.mismatches().size(), 1u);
  EXPECT_THAT(with.mismatches()[0].what, testing::HasSubstr("box deviates by 4.00 px"));
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

TEST(Parity, KeypointsOfAnotherAnchorAreATieWhereTheRightOnesWereThere) {
  Object reference = object(10, 0.9f);
  reference.keypoints = {{20, 20, 0.9f}};
  Object winner = reference,
         loser = reference;  // nearly the same box: the order of their confidences is FP16's
  winner.keypoints[0].x = 29, winner.confidence = 0.901f;
  const std::vector<Object> expected{reference}, tested{winner}, all{winner, loser};
  std::vector<Object> none_right{winner};
  int asked = 0;
  Parity tie({}), wrong({}), far({});
  tie.add({"a.jpg", expected, tested, {}, [&] { return ++asked, all; }});
  EXPECT_EQ(tie.nms_ties(), 1);
  EXPECT_EQ(tie.found(), 0);
  EXPECT_THAT(tie.mismatches().at(0).what, testing::HasSubstr("a keypoint deviates by 9.00 px"));
  wrong.add({"a.jpg", expected, tested, {}, [&] { return none_right; }});
  EXPECT_EQ(wrong.nms_ties(), 0);
  loser.box[0] += 3;  // right keypoints, but not on this box
  far.add({"a.jpg", expected, tested, {}, [&] { return std::vector<Object>{loser}; }});
  EXPECT_EQ(far.nms_ties(), 0);
  tie.add({"b.jpg", expected, expected, {}, [&] { return ++asked, all; }});
  EXPECT_EQ(asked, 1) << "only where something deviates";
}

TEST(Parity, OnFewObjectsThreeLostTiesAreAllowedFourAreNot) {
  std::vector<Object> reference;
  for (int i = 0; i < 20; ++i) reference.push_back(object(static_cast<float>(100 * i), 0.8f));
  std::vector<ParityCandidate> candidates;
  for (const Object& each : reference) candidates.push_back({each.box, each.confidence, each.class_id});
  Parity three({}), four({});
  three.add({"a.jpg", reference, std::span(reference).subspan(3), candidates});
  four.add({"a.jpg", reference, std::span(reference).subspan(4), candidates});
  EXPECT_TRUE(three.passed());
  EXPECT_TRUE(four.before_nms().holds());
  EXPECT_FALSE(four.passed());
}

TEST(Parity, ClassesAreNotMixedAndExtrasAreCounted) {
  const std::vector<Object> reference{object(10, 0.9f, 0)}, tested{object(10, 0.9f, 1)};
  Parity parity({});
  parity.add({"a.jpg", reference, tested, {}});
  EXPECT_EQ(parity.found(), 0);
  EXPECT_EQ(parity.extra(), 1);
}

/// What is wrong with each of two objects whose boxes are right; a candidate before NMS excuses nothing here.
std::vector<Mismatch> mismatches_of(const Object& reference, const Object& tested) {
  const std::vector<Object> expected{reference, reference}, actual{tested, tested};
  const std::vector<ParityCandidate> candidates{{reference.box, reference.confidence, reference.class_id}};
  Parity parity({});
  parity.add({"a.jpg", expected, actual, candidates});
  EXPECT_EQ(parity.nms_ties(), 0);
  EXPECT_EQ(parity.passed(), parity.mismatches().empty());
  return parity.mismatches();
}

TEST(Parity, MasksKeypointsAndEmbeddingsAreEvaluated) {
  Object reference = object(0, 0.9f), tested = object(0, 0.9f);
  reference.keypoints = {{10, 10, 0.9f}, {20, 20, 0.1f}};
  tested.keypoints = {{10, 11, 0.9f}, {90, 90, 0.1f}};
  EXPECT_EQ(mismatches_of(reference, tested).size(), 0u);
  tested.keypoints[0] = {13, 14, 0.9f};
  EXPECT_THAT(mismatches_of(reference, tested).at(0).what,
              testing::HasSubstr("a keypoint deviates by 5.00 px"));
  tested.keypoints[0].x = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(mismatches_of(reference, tested).size(), 2u);

  reference = object(0, 0.9f), tested = object(0, 0.9f);
  reference.mask = RunLengthMask{4, 4, {0, 8, 8}};
  EXPECT_THAT(mismatches_of(reference, tested).at(0).what, testing::HasSubstr("IoU 0.000"));
  tested.mask = RunLengthMask{4, 4, {0, 4, 12}};
  EXPECT_THAT(mismatches_of(reference, tested).at(1).what, testing::HasSubstr("IoU 0.500"));
  tested.mask = reference.mask;
  EXPECT_EQ(mismatches_of(reference, tested).size(), 0u);

  reference.embedding = {1, 0}, tested.embedding = {0, 1};
  EXPECT_THAT(mismatches_of(reference, tested).at(0).what, testing::HasSubstr("cosine 0.00000"));
}

}  // namespace
}  // namespace peregrine::parity
