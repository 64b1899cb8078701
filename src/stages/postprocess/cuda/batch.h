// The parameters that the postprocess kernels of a batch share, and their launchers. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/runtime.h"
#include "stages/postprocess/cuda/postprocess.h"
#include "stages/postprocess/head/feature_map.h"
#include "stages/postprocess/record.h"

namespace peregrine::postprocess {

inline constexpr int max_levels = 4;
inline constexpr int max_classes = 4096;
inline constexpr int max_mask_channels = 256;
inline constexpr int tile_anchors = 64;  ///< anchors that one block of the selection looks at

/// A candidate in one number: smaller is better in the order of comes_before(). Inverted score bits, then
/// anchor and class.
using CandidateKey = std::uint64_t;

/// Classes that are asked for, one bit each.
struct ClassFilter {
  std::uint32_t words[max_classes / 32];

  PEREGRINE_HD bool wants(int c) const { return words[c / 32] >> c % 32 & 1u; }
};

/// Passed to every kernel by value.
struct Batch {
  PyramidLevel levels[max_levels];  ///< of the first image
  int level_count;
  int first_tile[max_levels];  ///< of each level, within an image
  bool vectors[max_levels];    ///< class values can be read 16 bytes at a time
  FeatureMap proto;
  int images, classes, anchors, tiles;

  float confidence, bound, iou;
  bool multi_label, segments, validation_masks;
  int keypoint_dims;
  ClassFilter filter;
  DeviceGeometries geometries;

  CandidateKey* keys;  ///< [images][tiles][tile_capacity]
  int tile_capacity;
  int* tile_counts;  ///< [images][tiles]
  Corners* boxes;    ///< [images][anchors], input pixels; valid where a key names the anchor

  RecordLayout layout;
  void* record;       ///< device memory
  void* host_record;  ///< mapped page-locked memory, or null

  PEREGRINE_HD const Geometry& geometry(int n) const {
    return *reinterpret_cast<const Geometry*>(static_cast<const char*>(geometries.first) +
                                              n * geometries.stride);
  }
  PEREGRINE_HD int level_of_anchor(int anchor) const {
    int level = level_count - 1;
    while (anchor < levels[level].first_anchor) --level;
    return level;
  }
};

/// Threshold and box decode of every anchor: fills keys, tile_counts and boxes.
void launch_decode_threshold(const Batch& batch, cudaStream_t stream);
/// Sort, NMS, scale back, keypoints, mask windows: fills the record but for mask words, and publishes it
/// where there are none.
void launch_nms(const Batch& batch, cudaStream_t stream);
/// Mask words.
void launch_masks(const Batch& batch, cudaStream_t stream);
/// Copies what is used of the record to host_record.
void launch_copy_results(const Batch& batch, cudaStream_t stream);

}  // namespace peregrine::postprocess
