// Reading of result records, as a kernel would have written them.
#include "stages/postprocess/record.h"

#include <gmock/gmock.h>

#include <cstring>

#include "generated_head.h"
#include "peregrine/error.h"

namespace peregrine::postprocess {
namespace {

using testing::ElementsAre;

/// A record of two images with room for three objects each, all memory poisoned.
class Record {
 public:
  Record(const ModelInfo& model, std::size_t mask_capacity)
      : layout(record_layout(model, 2, 3, mask_capacity)), memory_(layout.bytes / 4, 0xdeadbeef) {}

  void* data() { return memory_.data(); }
  RecordObject& object(int image, int class_id, float confidence) {
    RecordHeader& header = *layout.header(data(), image);
    RecordObject& object = layout.objects(data(), image)[header.objects++];
    object = {};
    object.class_id = class_id;
    object.confidence = confidence;
    object.box[2] = object.box[3] = 8;
    return object;
  }
  void clear() {
    for (int n = 0; n < 2; ++n) *layout.header(data(), n) = {};
  }

  RecordLayout layout;

 private:
  std::vector<std::uint32_t> memory_;
};

const Geometry image{10, 40, 64, 64, 16, 64, 24, 0};

TEST(ResultRecord, GivesKeypointsOfEachObject) {
  const ModelInfo model = test::generated_model(Task::pose, HeadLayout::raw);
  Record record(model, 0);
  record.clear();
  record.object(1, 0, 0.9f);
  record.object(1, 2, 0.8f);
  for (int i = 0; i < 2; ++i)
    for (int k = 0; k < 4; ++k)
      record.layout.keypoint(record.data(), 1, i)[k] = {static_cast<float>(i), static_cast<float>(k), 0.5f};
  EXPECT_TRUE(read_record(model, record.layout, record.data(), 0, image, {}).objects.empty());
  const std::vector<Object> objects = read_record(model, record.layout, record.data(), 1, image, {}).objects;
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[1].class_id, 2);
  EXPECT_EQ(objects[1].confidence, 0.8f);
  EXPECT_THAT(objects[1].box, ElementsAre(0, 0, 8, 8));
  ASSERT_EQ(objects[1].keypoints.size(), 4u);
  EXPECT_EQ(objects[1].keypoints[3].x, 1);
  EXPECT_EQ(objects[1].keypoints[3].y, 3);
  EXPECT_EQ(used_bytes(record.layout, record.data(), 2),
            2 * sizeof(RecordHeader) + 2 * (sizeof(RecordObject) + 4 * 12));
}

TEST(ResultRecord, DropsEmptyMasksAndKeepsTheCropsPlaces) {
  const ModelInfo model = test::generated_model(Task::segment, HeadLayout::raw);
  Record record(model, 16);
  record.clear();
  record.object(0, 1, 0.9f).mask_set = 1;
  record.object(1, 1, 0.9f);  // empty
  record.object(1, 0, 0.8f).mask_set = 1;
  RecordObject& masked = record.object(1, 1, 0.7f);
  masked.mask_set = 1;
  masked.mask_left = 2, masked.mask_top = 3, masked.mask_width = 2, masked.mask_height = 33,
  masked.mask_offset = 5;
  const std::uint32_t words[] = {0x3, 0x0, 0x80000000, 0x1};
  std::memcpy(record.layout.masks(record.data(), 1) + 5, words, sizeof words);
  record.layout.header(record.data(), 1)->mask_words = 9;

  const std::vector<int> persons{1};
  const std::vector<Object> objects = read_record(model, record.layout, record.data(), 1, image, {}).objects;
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_THAT(objects[1].mask->counts, ElementsAre(2 * 40 + 3, 2, 35 + 3 + 31, 2, 400 - 83 - 2 - 69 - 2));
  EXPECT_THAT(crop_places(model, record.layout, record.data(), 1, persons, {}), ElementsAre(-1, 2));
  EXPECT_THAT(crop_places(model, record.layout, record.data(), 0, persons, {}), ElementsAre(0));
  EXPECT_EQ(crop_count(record.layout, record.data(), 2, persons), 3)
      << "one whose mask is empty is cut out all the same";
  const std::vector<int> both{0, 1};
  EXPECT_THAT(crop_places(model, record.layout, record.data(), 1, both, {}), ElementsAre(2, 3));
  EXPECT_EQ(crop_count(record.layout, record.data(), 1, both), 1);
  EXPECT_EQ(crop_count(record.layout, record.data(), 2, both), 4);
  EXPECT_EQ(crop_count(record.layout, record.data(), 2, {}), 0);

  Options validation;
  validation.validation_masks = true;
  EXPECT_EQ(read_record(model, record.layout, record.data(), 1, image, validation).objects.size(), 3u);
  EXPECT_THAT(crop_places(model, record.layout, record.data(), 1, persons, validation),
              ElementsAre(1, -1, 2));
}

TEST(ResultRecord, SaysWhenMasksDidNotFit) {
  const ModelInfo model = test::generated_model(Task::segment, HeadLayout::raw);
  Record record(model, 16);
  record.clear();
  EXPECT_TRUE(masks_fit(record.layout, record.data(), 2));
  record.layout.header(record.data(), 1)->mask_words = 17;
  EXPECT_FALSE(masks_fit(record.layout, record.data(), 2));
  EXPECT_TRUE(masks_fit(record.layout, record.data(), 1));
  EXPECT_THROW(read_record(model, record.layout, record.data(), 1, image, {}), Error);
}

}  // namespace
}  // namespace peregrine::postprocess
