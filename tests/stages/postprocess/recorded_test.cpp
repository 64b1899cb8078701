// Small generated heads against what a plain numpy reading of the formulas makes of them.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "generated_head.h"
#include "image/run_length.h"
#include "support/test_data.h"

namespace peregrine::postprocess {
namespace {

struct Recorded {
  std::string name;
  ModelInfo model;
  Geometry geometry;
  Options options;
  int seed = 0;
  std::vector<Object> objects;
};

Recorded read_case(std::istream& words) {
  Recorded c;
  std::string task, layout, classes;
  int width, height, input_width, input_height, dims;
  words >> c.name >> task >> layout >> width >> height >> input_width >> input_height >> c.seed >>
      c.options.confidence >> c.options.iou >> c.options.max_detections >> c.options.multi_label >>
      c.options.validation_masks >> dims >> classes;
  c.model =
      test::generated_model(task == "detect" ? Task::detect : (task == "pose" ? Task::pose : Task::segment),
                            layout == "raw" ? HeadLayout::raw : HeadLayout::decoded, dims);
  c.geometry = test::centred_geometry(width, height, input_width, input_height);
  std::istringstream list(classes);
  for (std::string item; classes != "-" && std::getline(list, item, ',');)
    c.options.classes.push_back(std::stoi(item));
  return c;
}

Object read_object(std::istream& words, const Recorded& c) {
  Object object;
  words >> object.class_id >> object.confidence;
  for (float& side : object.box) words >> side;
  for (int k = 0; k < c.model.keypoints; ++k) {
    Keypoint& point = object.keypoints.emplace_back();
    words >> point.x >> point.y >> point.confidence;
  }
  if (std::string counts; c.model.task == Task::segment && words >> counts)
    object.mask = from_coco_string(c.geometry.image_height, c.geometry.image_width, counts);
  return object;
}

std::vector<Recorded> recorded_cases() {
  std::ifstream file(test::repository_file("tests/stages/postprocess/data/head_cases.txt"));
  std::vector<Recorded> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "case") cases.push_back(read_case(words));
    if (kind == "object") cases.back().objects.push_back(read_object(words, cases.back()));
  }
  return cases;
}

void expect_same(const std::vector<Object>& got, const std::vector<Object>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(got[i].class_id, expected[i].class_id);
    EXPECT_NEAR(got[i].confidence, expected[i].confidence, 2e-6);
    for (int side = 0; side < 4; ++side) EXPECT_NEAR(got[i].box[side], expected[i].box[side], 2e-3);
    ASSERT_EQ(got[i].keypoints.size(), expected[i].keypoints.size());
    for (std::size_t k = 0; k < got[i].keypoints.size(); ++k) {
      EXPECT_NEAR(got[i].keypoints[k].x, expected[i].keypoints[k].x, 2e-3);
      EXPECT_NEAR(got[i].keypoints[k].y, expected[i].keypoints[k].y, 2e-3);
      EXPECT_NEAR(got[i].keypoints[k].confidence, expected[i].keypoints[k].confidence, 2e-6);
    }
    ASSERT_EQ(got[i].mask.has_value(), expected[i].mask.has_value());
    if (got[i].mask) {
      EXPECT_EQ(to_coco_string(*got[i].mask), to_coco_string(*expected[i].mask));
    }
  }
}

class RecordedHeads : public testing::TestWithParam<test::Storage> {};

TEST_P(RecordedHeads, MeanWhatNumpySays) {
  const std::vector<Recorded> cases = recorded_cases();
  ASSERT_GE(cases.size(), 20u);
  for (const Recorded& c : cases) {
    SCOPED_TRACE(c.name);
    const test::GeneratedHead head(c.model, c.geometry, c.seed, 1, GetParam());
    expect_same(postprocess(c.model, head.tensors(), 0, c.geometry, c.options).objects, c.objects);
  }
}

INSTANTIATE_TEST_SUITE_P(Storages, RecordedHeads,
                         testing::Values(test::Storage{DType::f32, false}, test::Storage{DType::f32, true},
                                         test::Storage{DType::f16, false}, test::Storage{DType::f16, true}),
                         [](const auto& info) {
                           return std::string(to_string(info.param.dtype)) +
                                  (info.param.channels_last ? "ChannelsLast" : "Planes");
                         });

}  // namespace
}  // namespace peregrine::postprocess
