// Compares two sets of results for the same images, object by object: how far an engine, a precision or a
// program deviates from a reference, and whether a missing object is a wrong number or only lost a tie in
// NMS.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "parity/measures.h"
#include "peregrine/results.h"
#include "peregrine/settings.h"

namespace peregrine::parity {

/// A candidate before NMS, in pixels of the image.
struct ParityCandidate {
  std::array<float, 4> box{};
  float confidence = 0;
  int class_id = 0;
};

/// Results of one model on one image.
struct ParityInput {
  std::string image;
  std::span<const Object> reference, tested;
  std::span<const ParityCandidate> candidates;  ///< empty: every missing object counts as wrong
  /// What the tested side finds without NMS. Asked for where a box is right and what hangs on it is not: two
  /// candidates with nearly the same box and confidence may have keypoints far apart. Absent: such an object
  /// counts as wrong.
  std::function<std::vector<Object>()> unsuppressed{};
};

struct Mismatch {
  std::string image, what;  ///< "person 0.412 at (12, 40, 88, 210): box deviates by 3.2 px"
  bool nms_tie = false;     ///< a candidate before NMS was right
};

/// Adds up over images.
class Parity {
 public:
  /// `boxes`: what hangs on a box is measured and never wrong, unless it is no number.
  enum class Extent : std::uint8_t { all, boxes };

  explicit Parity(const ParityLimits& limits, Extent extent = Extent::all);

  void add(const ParityInput& input);

  int objects() const { return objects_; }
  int found() const { return found_; }
  int nms_ties() const { return nms_ties_; }
  /// Objects of the tested side, above the limit on confidence, that the reference does not have.
  int extra() const { return extra_; }
  float worst_box_px() const { return worst_box_px_; }
  float worst_confidence() const { return worst_confidence_; }
  float worst_mask_iou() const { return worst_[mask_measure]; }
  float worst_keypoint_px() const { return worst_[keypoint_measure]; }
  /// By measures().
  std::span<const float> worst() const { return worst_; }
  const std::vector<Mismatch>& mismatches() const { return mismatches_; }

  /// A share of the reference objects and the least that it may be: one miss is always allowed, and three
  /// lost ties, because on few objects a share says nothing finer.
  struct Share {
    double value = 1, limit = 0;
    bool holds() const { return value >= limit; }
  };
  /// Objects that are found again.
  Share after_nms() const { return share(found_, limits_.share_after_nms, 3); }
  /// Those and the ones that only lost a tie in NMS.
  Share before_nms() const { return share(found_ + nms_ties_, limits_.share_before_nms, 1); }

  bool passed() const { return after_nms().holds() && before_nms().holds(); }

 private:
  /// What hangs on a box, in words; empty where it is within the limits.
  std::string wrong(std::span<const float> measured) const;
  void evaluate(const ParityInput& input, const Object& reference, const Object* tested);
  bool right_box(const Object& reference, const std::array<float, 4>& box, float confidence,
                 int class_id) const;
  bool had_candidate(const ParityInput& input, const Object& reference) const;
  bool had_whole_candidate(const ParityInput& input, const Object& reference) const;
  void deviate(const ParityInput& input, const Object& reference, const std::string& why, bool nms_tie);
  Share share(int count, float limit, int always_allowed) const;

  ParityLimits limits_;
  Extent extent_;
  int objects_ = 0, found_ = 0, nms_ties_ = 0, extra_ = 0;
  // Of the objects that were found again, all within the limits.
  float worst_box_px_ = 0, worst_confidence_ = 0;
  std::vector<float> worst_;
  std::vector<Mismatch> mismatches_;
};

}  // namespace peregrine::parity
