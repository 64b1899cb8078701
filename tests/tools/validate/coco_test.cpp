// The COCO summary against pycocotools', on recorded random cases (tools/fixtures/make_coco_cases.py).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "image/mask_algebra.h"
#include "peregrine/error.h"
#include "support/test_data.h"
#include "tools/validate/coco_evaluation.h"

namespace peregrine::validate {
namespace {

using Json = nlohmann::json;

Metric metric_of(const std::string& name) {
  return name == "bbox" ? Metric::bbox : name == "segm" ? Metric::segm : Metric::keypoints;
}

CocoDetection detection_of(const Json& json) {
  CocoDetection detection;
  detection.image_id = json.at("image_id");
  detection.category_id = json.at("category_id");
  detection.score = json.at("score");
  if (json.contains("bbox")) detection.box = json["bbox"].get<std::array<double, 4>>();
  if (json.contains("segmentation")) {
    const Json& mask = json["segmentation"];
    detection.mask = from_coco_string(mask["size"][0], mask["size"][1], mask["counts"].get<std::string>());
  }
  if (json.contains("keypoints"))
    for (std::size_t i = 0; i < json["keypoints"].size(); i += 3)
      detection.keypoints.push_back({json["keypoints"][i], json["keypoints"][i + 1]});
  return detection;
}

struct Case {
  CocoDataset truth;
  std::vector<CocoDetection> detections;
  Metric metric{};
  Json summary;
};

std::vector<Case> recorded_cases() {
  const test::TemporaryFolder folder;
  std::ifstream file(test::repository_file("tests/tools/validate/data/coco_cases.json"));
  std::vector<Case> cases;
  for (const Json& recorded : Json::parse(file)) {
    Case& one = cases.emplace_back();
    const auto path = folder.path() / "truth.json";
    std::ofstream(path) << recorded["truth"];
    one.metric = metric_of(recorded["metric"]);
    one.truth = read_coco(path, one.metric == Metric::segm);
    for (const Json& detection : recorded["detections"]) one.detections.push_back(detection_of(detection));
    one.summary = recorded["summary"];
  }
  return cases;
}

TEST(Coco, SummariesEqualPycocotools) {
  const auto cases = recorded_cases();
  ASSERT_EQ(cases.size(), 15u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const CocoSummary summary = evaluate(cases[i].truth, cases[i].detections, cases[i].metric);
    const std::map<std::string, double> ours{{"ap", summary.ap},
                                             {"ap50", summary.ap50},
                                             {"ap75", summary.ap75},
                                             {"ap_small", summary.ap_small},
                                             {"ap_medium", summary.ap_medium},
                                             {"ap_large", summary.ap_large},
                                             {"ar1", summary.ar1},
                                             {"ar10", summary.ar10},
                                             {"ar100", summary.ar100},
                                             {"ar_small", summary.ar_small},
                                             {"ar_medium", summary.ar_medium},
                                             {"ar_large", summary.ar_large}};
    for (const auto& [key, value] : cases[i].summary.items())
      EXPECT_NEAR(ours.at(key), value.get<double>(), 1e-9)
          << "case " << i << " " << to_string(cases[i].metric) << " " << key;
  }
}

/// The case with its images there `times` times, as images of their own.
Case repeated(const Case& once, int times) {
  constexpr std::int64_t apart = 1'000'000'000;
  Case all = once;
  for (int copy = 1; copy < times; ++copy) {
    for (CocoImage image : once.truth.images) {
      image.id += copy * apart;
      all.truth.images.push_back(image);
    }
    for (CocoAnnotation annotation : once.truth.annotations) {
      annotation.image_id += copy * apart;
      all.truth.annotations.push_back(annotation);
    }
    for (CocoDetection detection : once.detections) {
      detection.image_id += copy * apart;
      all.detections.push_back(detection);
    }
  }
  return all;
}

TEST(PrecisionNoise, ASheetHasTheAverageOfItsImages) {
  for (Case& one : recorded_cases()) {
    double apart =
        0;  // in a draw an image's detections come one behind the other: equal scores of two images would not
    for (CocoDetection& detection : one.detections) detection.score += apart += 1e-9;
    const PrecisionSheet sheet(one.truth, one.detections, one.metric);
    ASSERT_EQ(sheet.images(), static_cast<int>(one.truth.images.size()));
    const std::vector<int> once(one.truth.images.size(), 1), thrice(one.truth.images.size(), 3),
        never(one.truth.images.size());
    EXPECT_NEAR(sheet.average(once), evaluate(one.truth, one.detections, one.metric).ap, 1e-12);
    const Case more = repeated(one, 3);
    EXPECT_NEAR(sheet.average(thrice), evaluate(more.truth, more.detections, more.metric).ap, 1e-12);
    EXPECT_EQ(sheet.average(never), -1);
  }
}

TEST(PrecisionNoise, AImageThatIsNotDrawnPlaysNoPart) {
  for (Case one : recorded_cases()) {
    std::vector<int> times(one.truth.images.size(), 1);
    times.front() = 0;
    const double without = PrecisionSheet(one.truth, one.detections, one.metric).average(times);
    const std::int64_t gone = one.truth.images.front().id;
    std::erase_if(one.truth.annotations, [&](const CocoAnnotation& truth) { return truth.image_id == gone; });
    std::erase_if(one.detections, [&](const CocoDetection& detection) { return detection.image_id == gone; });
    EXPECT_NEAR(without, evaluate(one.truth, one.detections, one.metric).ap, 1e-12);
  }
}

/// Every third detection finds nothing.
Case worse(Case than) {
  std::size_t number = 0;
  std::erase_if(than.detections, [&](const CocoDetection&) { return ++number % 3 == 0; });
  return than;
}

TEST(PrecisionNoise, MoreImagesMakeLessOfIt) {
  const Case few = recorded_cases().front();
  const Case many = repeated(few, 16);
  const auto noise = [](const Case& of) {
    const Case less = worse(of);
    return noise_of_difference({of.truth, of.detections, of.metric},
                               {less.truth, less.detections, less.metric});
  };
  const PrecisionNoise of_few = noise(few), of_many = noise(many), again = noise(few);
  EXPECT_EQ(of_few.images * 16, of_many.images);
  EXPECT_GT(of_few.standard_error, 0);
  EXPECT_NEAR(of_many.standard_error / of_few.standard_error, 0.25, 0.1);  // one over the root of sixteen
  EXPECT_LT(of_few.low, of_few.high);
  EXPECT_LT(of_many.high - of_many.low, of_few.high - of_few.low);
  EXPECT_EQ(of_few.low, again.low) << "the draws are the same in every run";
  EXPECT_EQ(of_few.standard_error, again.standard_error);
}

TEST(PrecisionNoise, EqualSidesDifferByNothing) {
  const Case one = recorded_cases().front();
  const PrecisionSheet sheet(one.truth, one.detections, one.metric);
  const PrecisionNoise noise = noise_of_difference(sheet, sheet);
  EXPECT_EQ(noise.standard_error, 0);
  EXPECT_EQ(noise.low, 0);
  EXPECT_EQ(noise.high, 0);
}

TEST(Coco, UnreadableDatasetIsNamed) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(read_coco(folder.path() / "none.json", false), Error);
  std::ofstream(folder.path() / "bad.json") << "{\"images\": 3}";
  EXPECT_THROW(read_coco(folder.path() / "bad.json", false), Error);
}

TEST(MaskAlgebra, UnionAndIntersection) {
  const RunLengthMask a{2, 3, {1, 3, 2}}, b{2, 3, {0, 2, 1, 3}};
  EXPECT_EQ(parity::mask_area(a), 3u);
  EXPECT_EQ(parity::mask_intersection_area(a, b), 2u);
  EXPECT_EQ(parity::mask_union(a, b).counts, (std::vector<std::uint32_t>{0, 6}));
  EXPECT_DOUBLE_EQ(parity::mask_iou(a, b), 2.0 / 6.0);
  const RunLengthMask none{2, 3, {6}};
  EXPECT_DOUBLE_EQ(parity::mask_iou(none, none), 0);
}

}  // namespace
}  // namespace peregrine::validate
