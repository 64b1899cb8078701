#include "stages/postprocess/record.h"

#include <algorithm>
#include <string>

#include "core/task/task_traits.h"
#include "image/run_length.h"
#include "peregrine/error.h"
#include "stages/postprocess/tasks/tasks.h"

namespace peregrine::postprocess {
namespace {

constexpr std::size_t alignment = 16;  // records are copied in pieces of this size

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// The accessors serve kernels that write; here everything is only read.
void* readable(const void* record) { return const_cast<void*>(record); }

bool dropped(const ModelInfo& model, const Options& options, const RecordObject& object) {
  return traits_of(model).masks && !options.validation_masks && !object.mask_set;
}

std::span<const RecordObject> objects_of(const RecordLayout& layout, const void* record, int n) {
  const int count = layout.header(readable(record), n)->objects;
  return {layout.objects(readable(record), n), static_cast<std::size_t>(count)};
}

bool is_of(std::span<const int> classes, const RecordObject& object) {
  return std::ranges::find(classes, object.class_id) != classes.end();
}

RunLengthMask mask_of(const RecordObject& object, const std::uint32_t* area, const Geometry& geometry) {
  const std::size_t words = (static_cast<std::size_t>(object.mask_height) + 31) / 32 * object.mask_width;
  return encode_packed_mask({area + object.mask_offset, words},
                            {object.mask_left, object.mask_top, object.mask_width, object.mask_height},
                            geometry.image_height, geometry.image_width);
}

}  // namespace

RecordLayout record_layout(const ModelInfo& model, int images, int max_detections,
                           std::size_t mask_capacity) {
  static_assert(sizeof(RecordHeader) == alignment);
  RecordLayout layout;
  layout.images = images;
  layout.max_objects = max_detections;
  layout.keypoints = traits_of(model).keypoints ? model.keypoints : 0;
  layout.mask_capacity = traits_of(model).masks ? aligned(mask_capacity) : 0;
  const auto objects = static_cast<std::size_t>(max_detections);
  layout.keypoints_offset = aligned(sizeof(RecordHeader) + objects * sizeof(RecordObject));
  layout.numbers = numbers_of(model);
  layout.numbers_offset =
      layout.keypoints_offset + aligned(objects * layout.keypoints * sizeof(RecordKeypoint));
  layout.image_stride = layout.numbers_offset + aligned(objects * layout.numbers * sizeof(float));
  layout.masks_offset = layout.image_stride * images;
  layout.bytes = layout.masks_offset + layout.mask_capacity * sizeof(std::uint32_t) * images;
  return layout;
}

bool masks_fit(const RecordLayout& layout, const void* record, int images) {
  for (int n = 0; n < images; ++n)
    if (layout.header(readable(record), n)->mask_words > layout.mask_capacity) return false;
  return true;
}

std::size_t used_bytes(const RecordLayout& layout, const void* record, int images) {
  std::size_t bytes = 0;
  for (int n = 0; n < images; ++n) {
    const RecordHeader& header = *layout.header(readable(record), n);
    bytes += sizeof(RecordHeader) +
             header.objects * (sizeof(RecordObject) + layout.keypoints * sizeof(RecordKeypoint) +
                               layout.numbers * sizeof(float));
    if (header.mask_words <= layout.mask_capacity) bytes += header.mask_words * sizeof(std::uint32_t);
  }
  return bytes;
}

Detections read_record(const ModelInfo& model, const RecordLayout& layout, const void* record, int n,
                       const Geometry& geometry, const Options& options) {
  const RecordHeader& header = *layout.header(readable(record), n);
  if (header.mask_words > layout.mask_capacity)
    throw Error("internal.capacity", "The masks of an image need " + std::to_string(header.mask_words) +
                                         " words and the result record holds " +
                                         std::to_string(layout.mask_capacity) + ".");
  Detections result;
  for (int i = 0; i < header.objects; ++i) {
    const RecordObject& from = layout.objects(readable(record), n)[i];
    if (dropped(model, options, from)) continue;
    Object& object = result.objects.emplace_back();
    object.task = model.task;
    object.class_id = from.class_id;
    object.confidence = from.confidence;
    object.box = {from.box[0], from.box[1], from.box[2], from.box[3]};
    const RecordKeypoint* points = layout.keypoint(readable(record), n, i);
    for (int k = 0; k < layout.keypoints; ++k)
      object.keypoints.push_back({points[k].x, points[k].y, points[k].confidence});
    if (traits_of(model).masks) object.mask = mask_of(from, layout.masks(readable(record), n), geometry);
    if (layout.numbers > 0) {
      const std::span numbers(layout.number(readable(record), n, i),
                              static_cast<std::size_t>(layout.numbers));
      hooks_of(model.task).take_numbers(model, numbers, geometry, object);
    }
  }
  return result;
}

int crop_count(const RecordLayout& layout, const void* record, int images, std::span<const int> classes) {
  int crops = 0;
  for (int image = 0; image < images; ++image)
    for (const RecordObject& object : objects_of(layout, record, image)) crops += is_of(classes, object);
  return crops;
}

std::vector<int> crop_places(const ModelInfo& model, const RecordLayout& layout, const void* record, int n,
                             std::span<const int> classes, const Options& options) {
  std::vector<int> places;
  int crop = crop_count(layout, record, n, classes);
  for (const RecordObject& object : objects_of(layout, record, n)) {
    const int place = is_of(classes, object) ? crop++ : -1;
    if (!dropped(model, options, object)) places.push_back(place);
  }
  return places;
}

}  // namespace peregrine::postprocess
