// Average precision as COCO defines it: the numbers that pycocotools prints, from the same detections.
//
// Protocol (cocodataset.org, "Detection evaluation"): detections are matched to ground truth greedily by falling score at
// ten overlaps from 0.50 to 0.95; crowds and objects outside the area range are neither hits nor misses; precision is
// read at 101 recalls after being made monotone, and averaged over overlaps and categories that occur.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "validate/coco_dataset.h"

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
  double ar1 = -1, ar10 = -1, ar100 = -1;  ///< recall with at most so many detections a picture; keypoints: ar100 is at 20
  double ar_small = -1, ar_medium = -1, ar_large = -1;
};

CocoSummary evaluate(const CocoDataset& truth, const std::vector<CocoDetection>& detections, Metric metric);

}  // namespace peregrine::validate
