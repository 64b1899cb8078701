#include "stages/postprocess/postprocess.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/half.h"
#include "core/head_names.h"
#include "generated_head.h"
#include "peregrine/error.h"
#include "stages/postprocess/nms/nms.h"

namespace peregrine::postprocess {
namespace {

const Geometry whole{64, 64, 64, 64, 64, 64, 0, 0};

/// A decoded head of a detect model with the given anchors: x, y, width, height and three scores each.
struct DecodedAnchors {
  HostTensor tensor;
  explicit DecodedAnchors(const std::vector<std::array<float, 7>>& anchors)
      : tensor(DType::f32, {1, 7, static_cast<std::int64_t>(anchors.size())}) {
    for (std::size_t a = 0; a < anchors.size(); ++a)
      for (std::size_t i = 0; i < 7; ++i) tensor.as<float>()[i * anchors.size() + a] = anchors[a][i];
  }
  Detections run(const Options& options = {}, const Geometry& geometry = whole) const {
    const NamedTensor head{head::decoded_output, tensor.view()};
    return postprocess(test::generated_model(Task::detect, HeadLayout::decoded), {&head, 1}, 0, geometry,
                       options);
  }
};

std::vector<int> classes_of(const Detections& d) {
  std::vector<int> classes;
  for (const Object& o : d.objects) classes.push_back(o.class_id);
  return classes;
}

TEST(Threshold, IsStrict) {
  const DecodedAnchors head({{10, 10, 8, 8, 0.25f, 0, 0}, {40, 40, 8, 8, std::nextafter(0.25f, 1.0f), 0, 0}});
  const Detections d = head.run();
  ASSERT_EQ(d.objects.size(), 1u);
  EXPECT_EQ(d.objects[0].box[0], 36.0f);
}

TEST(Threshold, OnLogitsAgreesWithScores) {
  Geometry g{320, 320, 320, 320, 320, 320, 0, 0};
  const ModelInfo model = test::generated_model(Task::detect, HeadLayout::raw);
  const test::GeneratedHead head(model, g, 5);
  Options all;
  all.keep_candidates = true;
  all.confidence = 0;
  const std::vector<Candidate> every = postprocess(model, head.tensors(), 0, g, all).candidates;
  ASSERT_EQ(every.size(), 40u * 40 + 20 * 20 + 10 * 10);
  for (const float confidence : {1e-7f, 0.001f, 0.25f, 0.5f, every[99].confidence, 0.982f, 1.0f}) {
    Options some = all;
    some.confidence = confidence;
    std::size_t expected = 0;
    for (const Candidate& c : every) expected += c.confidence > confidence;
    EXPECT_EQ(postprocess(model, head.tensors(), 0, g, some).candidates.size(), expected) << confidence;
  }
}

/// A raw head of one cell (stride 8) and one class: `box` holds 4 * bins values.
std::array<float, 4> box_of_one_cell(const std::vector<float>& box) {
  ModelInfo model = test::generated_model(Task::detect, HeadLayout::raw);
  model.class_names = {"car"};
  model.strides = {8};
  model.dfl_bins = static_cast<int>(box.size() / 4);
  HostTensor boxes(DType::f32, {1, static_cast<std::int64_t>(box.size()), 1, 1}),
      classes(DType::f32, {1, 1, 1, 1});
  std::copy(box.begin(), box.end(), boxes.as<float>());
  *classes.as<float>() = 4;
  const std::vector<NamedTensor> heads{{head::box_output(0), boxes.view()},
                                       {head::class_output(0), classes.view()}};
  Options options;
  options.keep_candidates = true;
  return postprocess(model, heads, 0, {8, 8, 8, 8, 8, 8, 0, 0}, options).candidates.at(0).box;
}

TEST(Box, OfOneBinIsAPlainDistance) {
  // Anchor centre (4, 4); distances 0.25, 0.5, -0.125, 0.375 cells of 8 pixels.
  EXPECT_THAT(box_of_one_cell({0.25f, 0.5f, -0.125f, 0.375f}), testing::ElementsAre(2, 0, 3, 7));
}

TEST(Box, OfTwoBinsIsTheirMean) {
  // Equal logits: the mean of 0 and 1 cell to each side.
  EXPECT_THAT(box_of_one_cell({1, 1, 1, 1, 1, 1, 1, 1}), testing::ElementsAre(0, 0, 8, 8));
}

TEST(BestClass, IsTheFirstAmongEquals) {
  const DecodedAnchors head({{10, 10, 8, 8, 0.3f, 0.6f, 0.6f}});
  EXPECT_THAT(classes_of(head.run()), testing::ElementsAre(1));
  Options only_last;
  only_last.classes = {2};
  EXPECT_TRUE(head.run(only_last).objects.empty()) << "the filter comes after the choice of the class";
}

TEST(Nms, SuppressesOnStrictlyGreaterAndPerClass) {
  // 20x20 against 20x14 in it: IoU exactly 0.7 in exact arithmetic, 280/400.
  const DecodedAnchors head(
      {{20, 20, 20, 20, 0.9f, 0, 0}, {20, 20, 20, 14, 0.8f, 0, 0}, {20, 20, 20, 20, 0, 0.7f, 0}});
  Options options;
  EXPECT_THAT(classes_of(head.run(options)), testing::ElementsAre(0, 0, 1));
  options.iou = 0.69f;
  EXPECT_THAT(classes_of(head.run(options)), testing::ElementsAre(0, 1));
}

TEST(Nms, ASuppressedBoxSuppressesNothing) {
  const DecodedAnchors head(
      {{20, 20, 20, 20, 0.9f, 0, 0}, {24, 20, 20, 20, 0.8f, 0, 0}, {28, 20, 20, 20, 0.7f, 0, 0}});
  Options options;
  options.iou = 0.5f;  // neighbours: 16/24; first and third: 12/28
  const Detections d = head.run(options);
  ASSERT_EQ(d.objects.size(), 2u);
  EXPECT_EQ(d.objects[1].box[0], 18.0f);
}

TEST(Nms, OrdersEqualScoresByAnchorThenClass) {
  const DecodedAnchors head(
      {{50, 50, 4, 4, 0.5f, 0.5f, 0}, {10, 10, 4, 4, 0, 0, 0.5f}, {30, 30, 4, 4, 0.5f, 0, 0.6f}});
  Options options;
  options.multi_label = true;
  EXPECT_THAT(classes_of(head.run(options)), testing::ElementsAre(2, 0, 1, 2, 0));
}

TEST(Nms, TakesTheBestThirtyThousandCandidates) {
  std::vector<std::array<float, 7>> anchors;
  for (int i = 0; i < 12000; ++i) {
    const float score = 0.3f + static_cast<float>(i) * 1e-5f;
    anchors.push_back({static_cast<float>(i % 64), 5, 1, 1, score, score, score});
  }
  Options options;
  options.multi_label = true;
  options.keep_candidates = true;
  const Detections d = DecodedAnchors(anchors).run(options);
  ASSERT_EQ(d.candidates.size(), static_cast<std::size_t>(max_candidates));
  EXPECT_EQ(d.candidates.front().anchor, 11999);
  EXPECT_EQ(d.candidates.back().anchor, 2000);
  EXPECT_EQ(d.candidates.back().class_id, 2);
}

TEST(Boxes, AreClippedToTheImage) {
  const DecodedAnchors head({{0, 60, 20, 20, 0.9f, 0, 0}});
  EXPECT_THAT(head.run().objects[0].box, testing::ElementsAre(0, 50, 10, 64));
}

TEST(Masks, EmptyOnesAreDroppedInPredictionOnly) {
  ModelInfo model = test::generated_model(Task::segment, HeadLayout::decoded);
  model.mask_channels = 1;
  HostTensor anchors = HostTensor::zeros(DType::f32, {1, 8, 2});
  const float columns[2][8] = {{32, 32, 20, 20, 0.9f, 0, 0, 1}, {32, 32, 20, 20, 0, 0.8f, 0, -1}};
  for (int a = 0; a < 2; ++a)
    for (int i = 0; i < 8; ++i) anchors.as<float>()[i * 2 + a] = columns[a][i];
  HostTensor proto(DType::f32, {1, 1, 16, 16});
  std::fill_n(proto.as<float>(), 256, 1.0f);
  const NamedTensor heads[] = {{head::decoded_output, anchors.view()}, {head::proto_output, proto.view()}};
  Options options;
  const Detections predicted = postprocess(model, heads, 0, whole, options);
  ASSERT_EQ(predicted.objects.size(), 1u);
  EXPECT_EQ(predicted.objects[0].mask->counts[1], 20u) << "columns 22 to 41, rows 22 to 41";
  options.validation_masks = true;
  EXPECT_EQ(postprocess(model, heads, 0, whole, options).objects.size(), 2u);
}

TEST(Batch, ImagesAreApart) {
  const ModelInfo model = test::generated_model(Task::segment, HeadLayout::raw);
  const test::GeneratedHead both(model, whole, 30, 2), second(model, whole, 31);
  const Detections expected = postprocess(model, second.tensors(), 0, whole, {});
  const Detections got = postprocess(model, both.tensors(), 1, whole, {});
  ASSERT_GT(got.objects.size(), 3u);
  ASSERT_EQ(got.objects.size(), expected.objects.size());
  for (std::size_t i = 0; i < got.objects.size(); ++i) {
    EXPECT_EQ(got.objects[i].box, expected.objects[i].box);
    EXPECT_EQ(got.objects[i].mask->counts, expected.objects[i].mask->counts);
  }
}

TEST(Heads, ThatDoNotFitTheModelAreNamed) {
  const ModelInfo model = test::generated_model(Task::pose, HeadLayout::raw);
  const test::GeneratedHead head(model, whole, 1);
  const auto complaint = [&](std::vector<NamedTensor> tensors, int n = 0) -> std::string {
    try {
      postprocess(model, tensors, n, whole, {});
    } catch (const Error& e) {
      return e.code() == "model.head" ? e.sentence() : e.code();
    }
    return "none";
  };
  std::vector<NamedTensor> tensors = head.tensors();
  EXPECT_EQ(complaint(tensors), "none");
  EXPECT_THAT(complaint(tensors, 1), testing::HasSubstr("image 1"));
  tensors[2].view.shape[1] = 11;
  EXPECT_THAT(complaint(tensors), testing::HasSubstr("'kpt.0' has shape 1x11x8x8, expected 12 channels"));
  tensors = head.tensors();
  tensors[5].view.shape[2] = 3;
  EXPECT_THAT(complaint(tensors), testing::HasSubstr("level 1 differ"));
  tensors = head.tensors();
  tensors.erase(tensors.begin());
  EXPECT_THAT(complaint(tensors), testing::HasSubstr("no output 'box.0'"));
  tensors = head.tensors();
  tensors[0].view.dtype = DType::i32;
  EXPECT_THAT(complaint(tensors), testing::HasSubstr("expected FP32 or FP16"));
  tensors = head.tensors();
  tensors[0].view.device = Device::cuda(0);
  EXPECT_THAT(complaint(tensors), testing::HasSubstr("cuda:0, expected cpu"));
}

/// Garbage from an overflowing engine must not take the process down.
TEST(Heads, OfNonFiniteValuesAreSurvived) {
  const ModelInfo model = test::generated_model(Task::segment, HeadLayout::raw);
  for (const float bad :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), NAN}) {
    const test::GeneratedHead head(model, whole, 1);
    for (std::size_t i = 0; i < head.tensors().size(); ++i) {
      const TensorView& view = head.tensors()[i].view;
      for (std::int64_t e = 0; e < view.shape.elements(); e += 3) view.as<float>()[e] = bad;
    }
    EXPECT_LE(postprocess(model, head.tensors(), 0, whole, {}).objects.size(), 84u);
  }
}

TEST(Embedding, HasUnitLength) {
  std::vector<float> v = {3, 0, -4};
  normalise_embedding(v);
  EXPECT_THAT(v, testing::ElementsAre(0.6f, 0, -0.8f));
}

TEST(Embedding, OfNothingStaysAndNonFiniteBecomesZero) {
  std::vector<float> zeros(4, 0.0f), tiny = {1e-13f, 0}, bad = {NAN, INFINITY, 2};
  normalise_embedding(zeros);
  normalise_embedding(tiny);
  normalise_embedding(bad);
  EXPECT_THAT(zeros, testing::Each(0.0f));
  EXPECT_EQ(tiny[0], 1e-13f);
  EXPECT_THAT(bad, testing::ElementsAre(0, 0, 1));
}

}  // namespace
}  // namespace peregrine::postprocess
