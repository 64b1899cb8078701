// Average precision as COCO defines it: the numbers that pycocotools prints, from the same detections.
//
// Protocol (cocodataset.org, "Detection evaluation"): detections are matched to ground truth greedily by
// falling score at ten overlaps from 0.50 to 0.95; crowds and objects outside the area range are neither hits
// nor misses; precision is read at 101 recalls after being made monotone, and averaged over overlaps and
// categories that occur.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/validate/coco_dataset.h"

namespace peregrine::validate {

struct CocoDetection {
  std::int64_t image_id = 0, category_id = 0;
  double score = 0;
  std::array<double, 4> box{};                   ///< x, y, width, height
  RunLengthMask mask;                            ///< for segm
  std::vector<std::array<double, 2>> keypoints;  ///< for keypoints
};

/// Averages; -1 where no category has ground truth of that kind, as pycocotools says it.
struct CocoSummary {
  double ap = -1, ap50 = -1, ap75 = -1, ap_small = -1, ap_medium = -1, ap_large = -1;
  double ar1 = -1, ar10 = -1,
         ar100 = -1;  ///< recall with at most so many detections an image; keypoints: ar100 is at 20
  double ar_small = -1, ar_medium = -1, ar_large = -1;
};

CocoSummary evaluate(const CocoDataset& truth, const std::vector<CocoDetection>& detections, Metric metric);

/// All that CocoSummary::ap is made of, image by image, so that it can be asked of other draws of the same
/// images.
class PrecisionSheet {
 public:
  PrecisionSheet(const CocoDataset& truth, const std::vector<CocoDetection>& detections, Metric metric);

  int images() const { return images_; }
  /// CocoSummary::ap when image i (by rising id) is there times[i] times.
  double average(std::span<const int> times) const;

 private:
  struct Row {
    int image = 0;
    std::uint16_t hit = 0, counts = 0;  ///< a bit an overlap: it is a hit; it is a hit or a miss
  };
  struct Category {
    std::vector<Row> rows;                    ///< detections by falling score
    std::vector<std::pair<int, int>> wanted;  ///< image, objects in it that count
  };
  int images_ = 0;
  std::vector<Category> categories_;
};

/// How much of a difference between two average precisions is chance: what it would be on other images of the
/// same kind.
struct PrecisionNoise {
  double standard_error = 0;
  double low = 0, high = 0;  ///< 95 % of the draws lie between
  int images = 0;
};

/// Of before - after, by the bootstrap: images are drawn anew, with replacement, the same ones for both
/// sides. The draws are the same in every run. Sheets of one data set.
PrecisionNoise noise_of_difference(const PrecisionSheet& before, const PrecisionSheet& after);

}  // namespace peregrine::validate
