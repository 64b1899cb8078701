// The result record holds the results of a batch. Kernels write it, and this reads it into Detections.
//
// One part an image, `image_stride` bytes apart: header, objects, keypoints, numbers. Behind them, for
// segment, one area of mask words an image. Only what the header counts is written; the rest of the memory is
// undefined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/host_device.h"
#include "stages/postprocess/postprocess.h"

namespace peregrine::postprocess {

struct RecordHeader {
  int objects = 0;
  int candidates = 0;            ///< above the threshold, before NMS
  std::uint32_t mask_words = 0;  ///< that the masks need; more than the area holds: no masks, see masks_fit()
  int mask_tiles = 0;            ///< work items of the mask kernel
};

struct RecordObject {
  float box[4];        ///< pixels of the image, clipped
  float input_box[4];  ///< pixels of the input
  float confidence;
  int class_id;
  int anchor;
  int mask_left, mask_top, mask_width, mask_height;  ///< window, pixels of the image
  std::uint32_t mask_offset;  ///< first word, in the image's area; layout: run_length.h
  int mask_tile;              ///< first work item of the mask kernel
  int mask_set;               ///< whether any bit is set
};

struct RecordKeypoint {
  float x, y, confidence;
};

/// Where things lie in a record. Plain data, also read by kernels.
struct RecordLayout {
  int images = 0, max_objects = 0, keypoints = 0;
  int numbers = 0;  ///< of each object, of a task that takes them
  std::size_t mask_capacity = 0;                                         ///< words an image; 0 without masks
  std::size_t keypoints_offset = 0, numbers_offset = 0, image_stride = 0, masks_offset = 0;  ///< bytes
  std::size_t bytes = 0;                                                 ///< of the whole record

  PEREGRINE_HD RecordHeader* header(void* record, int n) const {
    return reinterpret_cast<RecordHeader*>(static_cast<char*>(record) + n * image_stride);
  }
  PEREGRINE_HD RecordObject* objects(void* record, int n) const {
    return reinterpret_cast<RecordObject*>(header(record, n) + 1);
  }
  PEREGRINE_HD RecordKeypoint* keypoint(void* record, int n, int object) const {
    return reinterpret_cast<RecordKeypoint*>(static_cast<char*>(record) + n * image_stride +
                                             keypoints_offset) +
           object * keypoints;
  }
  PEREGRINE_HD float* number(void* record, int n, int object) const {
    return reinterpret_cast<float*>(static_cast<char*>(record) + n * image_stride + numbers_offset) +
           object * numbers;
  }
  PEREGRINE_HD std::uint32_t* masks(void* record, int n) const {
    return reinterpret_cast<std::uint32_t*>(static_cast<char*>(record) + masks_offset) + n * mask_capacity;
  }
};

/// `mask_capacity` in words of 32 pixels an image, ignored unless the model segments. A mask takes
/// width * ceil(height / 32) words of its box.
RecordLayout record_layout(const ModelInfo& model, int images, int max_detections, std::size_t mask_capacity);

/// False where an image's masks needed more than the record holds: it has no masks then, and the batch is to
/// be processed again with a capacity of at least header->mask_words.
bool masks_fit(const RecordLayout& layout, const void* record, int images);

/// Bytes of the record that `images` images used: what crossed to the host.
std::size_t used_bytes(const RecordLayout& layout, const void* record, int images);

/// Objects of image `n` from a record in host memory. Unless options.validation_masks, objects whose mask is
/// empty are dropped. Throws Error "internal.capacity" where the masks did not fit.
Detections read_record(const ModelInfo& model, const RecordLayout& layout, const void* record, int n,
                       const Geometry& geometry, const Options& options);

/// How many crops gather_crops() makes of the objects of `classes` in `images` images.
int crop_count(const RecordLayout& layout, const void* record, int images, std::span<const int> classes);

/// For each object that read_record() gives for image `n`: its place among the crops that gather_crops()
/// made of `classes`, counted from the first of this record, or -1.
std::vector<int> crop_places(const ModelInfo& model, const RecordLayout& layout, const void* record, int n,
                             std::span<const int> classes, const Options& options);

}  // namespace peregrine::postprocess
