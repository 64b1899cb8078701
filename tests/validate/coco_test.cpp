// The COCO summary against pycocotools', on recorded random cases (tools/fixtures/make_coco_cases.py).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "compare/mask_algebra.h"
#include "peregrine/error.h"
#include "support/test_data.h"
#include "validate/coco_evaluation.h"

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

TEST(Coco, SummariesEqualPycocotools) {
  const test::TemporaryFolder folder;
  std::ifstream file(test::repository_file("tests/validate/data/coco_cases.json"));
  const Json cases = Json::parse(file);
  ASSERT_EQ(cases.size(), 15u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json& recorded = cases[i];
    const auto path = folder.path() / "truth.json";
    std::ofstream(path) << recorded["truth"];
    const Metric metric = metric_of(recorded["metric"]);
    std::vector<CocoDetection> detections;
    for (const Json& detection : recorded["detections"]) detections.push_back(detection_of(detection));
    const CocoSummary summary = evaluate(read_coco(path, metric == Metric::segm), detections, metric);
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
    for (const auto& [key, value] : recorded["summary"].items())
      EXPECT_NEAR(ours.at(key), value.get<double>(), 1e-9) << "case " << i << " " << recorded["metric"] << " " << key;
  }
}

TEST(Coco, UnreadableDatasetIsNamed) {
  const test::TemporaryFolder folder;
  EXPECT_THROW(read_coco(folder.path() / "none.json", false), Error);
  std::ofstream(folder.path() / "bad.json") << "{\"images\": 3}";
  EXPECT_THROW(read_coco(folder.path() / "bad.json", false), Error);
}

TEST(MaskAlgebra, UnionAndIntersection) {
  const RunLengthMask a{2, 3, {1, 3, 2}}, b{2, 3, {0, 2, 1, 3}};
  EXPECT_EQ(compare::mask_area(a), 3u);
  EXPECT_EQ(compare::mask_intersection_area(a, b), 2u);
  EXPECT_EQ(compare::mask_union(a, b).counts, (std::vector<std::uint32_t>{0, 6}));
  EXPECT_DOUBLE_EQ(compare::mask_iou(a, b), 2.0 / 6.0);
  const RunLengthMask none{2, 3, {6}};
  EXPECT_DOUBLE_EQ(compare::mask_iou(none, none), 0);
}

}  // namespace
}  // namespace peregrine::validate
