// Overlap of a detection with ground truth: box IoU, mask IoU, object keypoint similarity.
#pragma once

#include "tools/validate/coco_evaluation.h"

namespace peregrine::validate {

/// For a crowd the union is the detection alone: lying inside it is enough.
double overlap(const CocoDetection& detection, const CocoAnnotation& truth, Metric metric);

/// Area that decides whether a detection is small, medium or large.
double area_of(const CocoDetection& detection, Metric metric);

}  // namespace peregrine::validate
