#include "tools/validate/coco_overlap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "image/mask_algebra.h"

namespace peregrine::validate {

namespace {

/// Spread of human annotators by keypoint, in COCO's order (nose, eyes, ears, shoulders ... ankles).
constexpr std::array<double, 17> keypoint_sigmas{.026, .025, .025, .035, .035, .079, .079, .072, .072,
                                                 .062, .062, .107, .107, .087, .087, .089, .089};

double ratio(double intersection, double detection, double truth, bool crowd) {
  const double whole = crowd ? detection : detection + truth - intersection;
  return whole > 0 ? intersection / whole : 0;
}

double box_overlap(const CocoDetection& detection, const CocoAnnotation& truth) {
  const auto& d = detection.box;
  const auto& t = truth.box;
  const double width = std::min(d[0] + d[2], t[0] + t[2]) - std::max(d[0], t[0]);
  const double height = std::min(d[1] + d[3], t[1] + t[3]) - std::max(d[1], t[1]);
  if (width <= 0 || height <= 0) return 0;
  return ratio(width * height, d[2] * d[3], t[2] * t[3], truth.crowd);
}

double mask_overlap(const CocoDetection& detection, const CocoAnnotation& truth) {
  return ratio(static_cast<double>(parity::mask_intersection_area(detection.mask, truth.mask)),
               static_cast<double>(parity::mask_area(detection.mask)),
               static_cast<double>(parity::mask_area(truth.mask)), truth.crowd);
}

/// How far a point lies outside of [low, high].
double distance_outside(double value, double low, double high) {
  return std::max(0.0, low - value) + std::max(0.0, value - high);
}

double keypoint_similarity(const CocoDetection& detection, const CocoAnnotation& truth) {
  const auto labelled =
      std::ranges::count_if(truth.keypoints, [](const auto& point) { return point[2] > 0; });
  const auto& box = truth.box;
  double sum = 0;
  for (std::size_t k = 0; k < truth.keypoints.size(); ++k) {
    const auto& target = truth.keypoints[k];
    if (labelled > 0 && target[2] <= 0) continue;
    const auto& point = detection.keypoints[k];
    // Without labelled points anything within twice the box is right.
    const double dx = labelled > 0 ? point[0] - target[0]
                                   : distance_outside(point[0], box[0] - box[2], box[0] + box[2] * 2);
    const double dy = labelled > 0 ? point[1] - target[1]
                                   : distance_outside(point[1], box[1] - box[3], box[1] + box[3] * 2);
    const double variance = std::pow(keypoint_sigmas[k] * 2, 2);
    sum +=
        std::exp(-(dx * dx + dy * dy) / variance / (truth.area + std::numeric_limits<double>::epsilon()) / 2);
  }
  return sum /
         static_cast<double>(labelled > 0 ? labelled : static_cast<std::ptrdiff_t>(truth.keypoints.size()));
}

}  // namespace

double overlap(const CocoDetection& detection, const CocoAnnotation& truth, Metric metric) {
  switch (metric) {
    case Metric::bbox: return box_overlap(detection, truth);
    case Metric::segm: return mask_overlap(detection, truth);
    case Metric::keypoints: return keypoint_similarity(detection, truth);
  }
  return 0;
}

double area_of(const CocoDetection& detection, Metric metric) {
  if (metric == Metric::bbox) return detection.box[2] * detection.box[3];
  if (metric == Metric::segm) return static_cast<double>(parity::mask_area(detection.mask));
  const auto [left, right] =
      std::ranges::minmax_element(detection.keypoints, {}, [](const auto& point) { return point[0]; });
  const auto [top, bottom] =
      std::ranges::minmax_element(detection.keypoints, {}, [](const auto& point) { return point[1]; });
  return ((*right)[0] - (*left)[0]) * ((*bottom)[1] - (*top)[1]);
}

}  // namespace peregrine::validate
