// Boxes, keypoints and scores looked at by themselves: what holds of ordinary detectors, and what a misread
// head loses.
#include "engine_cache/plausibility.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

namespace peregrine::engine_cache {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr Geometry geometry{.image_width = 640,
                            .image_height = 480,
                            .input_width = 320,
                            .input_height = 320,
                            .resized_width = 320,
                            .resized_height = 240,
                            .pad_left = 0,
                            .pad_top = 40};

TEST(Plausibility, SmallThinAndCutBoxesAreBoxes) {
  EXPECT_TRUE(has_extent({10, 10, 12, 13}));
  EXPECT_TRUE(has_extent({10, 10, 300, 11.5f}));
  EXPECT_FALSE(has_extent({10, 10, 10, 10}));
  EXPECT_FALSE(has_extent({0.1f, 0.1f, 0.6f, 0.7f})) << "shares of the image";
  EXPECT_FALSE(has_extent({30, 10, 20, 40})) << "turned over";
  EXPECT_FALSE(has_extent({10, 10, NAN, 40}));
  EXPECT_TRUE(lies_inside({-20, 100, 60, 200}, geometry)) << "cut by the border";
  EXPECT_TRUE(lies_inside({-10, -10, 330, 330}, geometry)) << "all of the image";
  EXPECT_FALSE(lies_inside({330, 100, 400, 200}, geometry));
  EXPECT_FALSE(lies_inside({-400, -400, 640, 640}, geometry)) << "strides multiplied twice";
}

TEST(Plausibility, HiddenAndStretchedLimbsAreNearTheirBox) {
  Object person{.box = {100, 100, 200, 300}, .keypoints = {}, .mask = {}, .embedding = {}};
  for (int k = 0; k < 17; ++k) person.keypoints.push_back({110 + 5.0f * static_cast<float>(k), 150, 0.1f});
  EXPECT_TRUE(has_near_keypoints(person, geometry));
  for (int k = 0; k < 8; ++k) person.keypoints[static_cast<std::size_t>(k)] = {0, 0, 0.01f};
  EXPECT_TRUE(has_near_keypoints(person, geometry)) << "eight of seventeen are guesses";
  person.keypoints[8] = {0, 0, 0.01f};
  EXPECT_FALSE(has_near_keypoints(person, geometry));
  std::ranges::fill(person.keypoints, Keypoint{150, 200, 1});
  EXPECT_FALSE(has_near_keypoints(person, geometry)) << "all in one point";
  person.keypoints.resize(2);
  EXPECT_TRUE(has_near_keypoints(person, geometry)) << "two may fall together";
  person.keypoints.clear();
  EXPECT_FALSE(has_near_keypoints(person, geometry));
}

/// A decoded head for a detector of two classes: a box at every fourth pixel.
class DecodedHead : public testing::Test {
 protected:
  DecodedHead() {
    model_.head = HeadLayout::decoded;
    model_.class_names = {"a", "b"};
    model_.strides = {8, 16, 32};
    for (int i = 0; i < anchors; ++i) {
      at(0, i) = 8.0f * static_cast<float>(i % 40);
      at(1, i) = 8.0f * static_cast<float>(i / 40 % 40);
      at(2, i) = at(3, i) = 20;
      at(4, i) = 0.001f * static_cast<float>(i % 500);
      at(5, i) = 1e-7f;
    }
  }
  float& at(int row, int anchor) { return head_[0].as<float>()[row * anchors + anchor]; }
  std::vector<store::ValidationCheck> checks() const {
    Plausibility plausibility(model_, 0.3f);
    plausibility.add({names_, head_}, 0, geometry);
    return plausibility.checks();
  }
  /// Names of those that do not hold.
  std::vector<std::string> failures() const {
    std::vector<std::string> names;
    for (const store::ValidationCheck& check : checks())
      if (!check.holds()) names.push_back(check.name);
    return names;
  }

  static constexpr int anchors = 40 * 40 + 20 * 20 + 10 * 10;
  ModelInfo model_;
  std::vector<std::string> names_{"output0"};
  std::vector<HostTensor> head_ = [] {
    std::vector<HostTensor> one;
    one.push_back(HostTensor::zeros(DType::f32, {1, 6, anchors}));
    return one;
  }();
};

TEST_F(DecodedHead, OfATrainedDetectorHasEveryProperty) {
  EXPECT_EQ(checks().size(), 7u);
  EXPECT_THAT(failures(), IsEmpty());
}

TEST_F(DecodedHead, WithoutExtentIsFound) {
  for (int i = 0; i < anchors; ++i) at(2, i) = at(3, i) = 0;
  EXPECT_THAT(failures(), testing::ElementsAre("boxes with an extent, share"));
}

TEST_F(DecodedHead, WithOneScoreForAllIsFound) {
  for (int i = 0; i < anchors; ++i) at(4, i) = 0.5f;
  EXPECT_THAT(failures(), testing::ElementsAre("range of the scores, relative"));
}

TEST_F(DecodedHead, WithLogitsForScoresIsFound) {
  for (int i = 0; i < anchors; ++i) at(4, i) = 4 - 0.01f * static_cast<float>(i);
  EXPECT_THAT(failures(), testing::ElementsAre("highest score"));
}

TEST_F(DecodedHead, BesideTheImageIsFound) {
  for (int i = 0; i < anchors; ++i) at(0, i) += 400;
  EXPECT_THAT(failures(),
              testing::ElementsAre("boxes inside of the input, share", "boxes around their anchor, share"));
}

TEST_F(DecodedHead, WithCornersIsFound) {
  for (int i = 0; i < anchors; ++i) {
    const auto [x, y, stride] = anchor_of(model_, i, geometry);
    at(0, i) = x - 10, at(1, i) = y - 10, at(2, i) = x + 10, at(3, i) = y + 10;
  }
  EXPECT_THAT(failures(), testing::ElementsAre("boxes of centre and size, share"));
}

TEST_F(DecodedHead, WithItsCoordinatesSwappedIsFound) {
  for (int i = 0; i < anchors; ++i) {
    const auto [x, y, stride] = anchor_of(model_, i, geometry);
    at(0, i) = y, at(1, i) = x;
  }
  EXPECT_THAT(failures(), testing::ElementsAre("boxes around their anchor, share"));
}

TEST(Plausibility, AnchorsOfAllLevels) {
  ModelInfo model;
  model.strides = {8, 16};
  EXPECT_THAT(anchor_of(model, 41, geometry), testing::ElementsAre(12, 12, 8));
  EXPECT_THAT(anchor_of(model, 1600 + 20, geometry), testing::ElementsAre(8, 24, 16));
}

TEST_F(DecodedHead, WithoutObjectsIsEvaluatedByItsBestBoxes) {
  for (int i = 0; i < anchors; ++i) at(4, i) *= 1e-3f;
  EXPECT_THAT(failures(), IsEmpty());
  EXPECT_EQ(checks().front().limit, 0.5);
  for (int i = 0; i < anchors; ++i) at(2, i) = at(3, i) = 0;
  EXPECT_THAT(failures(), testing::ElementsAre("boxes with an extent, share"));
}

/// A network whose activations have overflowed the sigmoid gives every box the score 1, and any extent.
TEST_F(DecodedHead, WithSaturatedScoresIsNotEvaluatedAndSaysSo) {
  for (int i = 0; i < anchors; ++i) at(4, i) = 1;
  for (int i = 0; i < anchors; ++i) at(2, i) = at(3, i) = -20;
  Plausibility plausibility(model_, 0.3f);
  plausibility.add({names_, head_}, 0, geometry);
  EXPECT_THAT(plausibility.checks(), IsEmpty());
  EXPECT_EQ(plausibility.note(),
            "the scores are saturated (100 of 100 are 1): boxes not looked at by themselves");
}

TEST_F(DecodedHead, WithTooFewBoxesIsNotEvaluatedAndSaysSo) {
  for (int i = 19; i < anchors; ++i) at(4, i) = at(5, i) = 0;
  for (int i = 0; i < 19; ++i) at(2, i) = at(3, i) = 0;
  Plausibility plausibility(model_, 0.3f);
  plausibility.add({names_, head_}, 0, geometry);
  EXPECT_THAT(plausibility.checks(), IsEmpty());
  EXPECT_EQ(plausibility.note(), "too few boxes (19) to look at by themselves");
}

TEST(Plausibility, PersonsWhoAreAllAlikeAreFound) {
  ModelInfo reid;
  reid.task = Task::reid;
  reid.embedding = 4;
  const std::vector<std::string> names{"features"};
  std::vector<HostTensor> rows;
  rows.push_back(HostTensor::zeros(DType::f32, {2, 4}));
  const auto check = [&] {
    Plausibility plausibility(reid, 0.3f);
    plausibility.add({names, rows}, 0, geometry);
    EXPECT_THAT(plausibility.checks(), IsEmpty());
    plausibility.add({names, rows}, 1, geometry);
    return plausibility.checks().at(0).holds();
  };
  EXPECT_FALSE(check()) << "no features at all";
  std::fill_n(rows[0].as<float>(), 8, 1.0f);
  EXPECT_FALSE(check());
  rows[0].as<float>()[5] = 1.1f;
  EXPECT_TRUE(check());
}

}  // namespace
}  // namespace peregrine::engine_cache
