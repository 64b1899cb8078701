// Checks that decoded heads can be what a detector finds. An engine and its reference are decoded by the same
// code and built from the same reading of the file: what both have wrong no comparison shows. These
// properties hold of every trained model, whatever it was trained on, and of one with random weights whose
// scores are not saturated; a head that is decoded as what it is not loses them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine_cache/store/manifest.h"
#include "engine_cache/validation/object_parity.h"
#include "image/geometry.h"
#include "peregrine/model_info.h"
#include "peregrine/results.h"

namespace peregrine::engine_cache {

/// A box in input pixels is at least a pixel wide and high. Detectors see nothing smaller; boxes without
/// distances, and boxes that are shares of the image instead of pixels, are.
bool has_extent(const std::array<float, 4>& box);
/// Its centre lies in the input, and it is at most twice as large. It may reach out of it, as cut objects do.
bool lies_inside(const std::array<float, 4>& box, const Geometry& geometry);
/// Centre and stride of the cell that an anchor stands for, in input pixels.
std::array<float, 3> anchor_of(const ModelInfo& model, int anchor, const Geometry& geometry);
/// A box holds its anchor, or is at most a stride off it. What a file has decoded in another order (y before
/// x, scores before boxes) is somewhere else.
bool lies_around(const std::array<float, 4>& box, const std::array<float, 3>& anchor);
/// Its centre and size, taken as two corners, are a box that holds the anchor. Of true centres and sizes that
/// happens to a quarter of the anchors of large objects near the origin; of corners always.
bool looks_like_corners(const std::array<float, 4>& box, const std::array<float, 3>& anchor);
/// At least half of the keypoints lie in the box grown by half of its size on each side, so that hidden and
/// stretched limbs do, and three and more of them are not all within one pixel of the input. Box and
/// keypoints in pixels of the image.
bool has_near_keypoints(const Object& object, const Geometry& geometry);

/// Adds up over images; of one model.
class Plausibility {
 public:
  /// Boxes above `confidence` are objects. `model` outlives this.
  Plausibility(const ModelInfo& model, float confidence) : model_(model), confidence_(confidence) {}

  /// Image `slot` of a batch.
  void add(const HeadTensors& heads, int slot, const Geometry& geometry);

  /// Half of the objects must have each property, where there are twenty and more; else half of the hundred
  /// best boxes of each image, whatever their confidence. None at all where even these are under twenty, or
  /// where most scores are saturated: such activations have lost what the boxes were made of. For ReID
  /// whether persons are told apart.
  std::vector<store::ValidationCheck> checks() const;
  /// What the checks are of: "20 objects looked at by themselves", "too few boxes to look at by themselves".
  std::string note() const;

 private:
  struct Tally {
    int boxes = 0, saturated = 0, with_extent = 0, inside = 0, around = 0, centred = 0, named = 0, near = 0;
  };
  void count(Tally& tally, const postprocess::Candidate& box, const Object* object,
             const Geometry& geometry) const;
  void add_embedding(const HeadTensors& heads, int slot);
  const Tally& judged() const;
  bool saturated() const;

  const ModelInfo& model_;
  float confidence_;
  Tally objects_, best_;
  float lowest_ = 0, highest_ = 0;  ///< score of any box; equal: nothing was there, or all have one
  std::int64_t scores_ = 0;
  std::vector<float> first_person_;
  double least_alike_ = 1;
  int persons_ = 0;
};

}  // namespace peregrine::engine_cache
