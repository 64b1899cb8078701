#include "parity/measures.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "image/mask_algebra.h"

namespace peregrine::parity {

namespace {

/// Keypoints below this are guesses: where they lie says nothing.
constexpr float seen = 0.5f;

float keypoint_difference(const Object& reference, const Object& tested) {
  float largest = 0;
  for (std::size_t k = 0; k < reference.keypoints.size() && k < tested.keypoints.size(); ++k) {
    const Keypoint &a = reference.keypoints[k], &b = tested.keypoints[k];
    if (!(a.confidence > seen)) continue;
    const float distance = std::hypot(a.x - b.x, a.y - b.y);
    largest = distance <= largest ? largest : distance;  // a NaN stays
  }
  return largest;
}

float mask_likeness(const Object& reference, const Object& tested) {
  if (!reference.mask) return 1;
  return tested.mask ? static_cast<float>(mask_iou(*reference.mask, *tested.mask)) : 0.0f;
}

float embedding_likeness(const Object& reference, const Object& tested) {
  return reference.embedding.empty() ? 1.0f : cosine(reference.embedding, tested.embedding);
}

/// In the order of MeasureIndex.
std::vector<Measure>& table() {
  static std::vector<Measure> rows{
      {.belongs = [](const TaskTraits& task) { return task.masks; },
       .check = "their mask IoU",
       .step = "masks",
       .at_least = true,
       .of = mask_likeness,
       .limit = [](const ParityLimits& limits) { return limits.mask_iou; },
       .wrong = [](float value) { return fmt::format("mask overlaps by IoU {:.3f}", value); },
       .worst =
           [](float value, float limit) {
             return fmt::format("lowest IoU of a mask {:.4f} (limit {:.3g})", value, limit);
           }},
      {.belongs = [](const TaskTraits& task) { return task.keypoints; },
       .check = "their keypoints, pixels",
       .step = "keypoints",
       .of = keypoint_difference,
       .limit = [](const ParityLimits& limits) { return limits.keypoint_px; },
       .wrong = [](float value) { return fmt::format("a keypoint deviates by {:.2f} px", value); },
       .worst =
           [](float value, float limit) {
             return fmt::format("keypoints apart by {:.3g} px (limit {:.3g})", value, limit);
           }},
      {.belongs = [](const TaskTraits& task) { return task.embeds; },
       .check = "embedding cosine of those",
       .at_least = true,
       .of = embedding_likeness,
       .limit = [](const ParityLimits& limits) { return limits.embedding_cosine; },
       .wrong = [](float value) { return fmt::format("embedding has cosine {:.5f}", value); }},
  };
  return rows;
}

}  // namespace

std::span<const Measure> measures() { return table(); }
void register_measure(const Measure& measure) { table().push_back(measure); }

float cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa > 0 && bb > 0 ? static_cast<float>(dot / std::sqrt(aa * bb)) : 0.0f;
}

}  // namespace peregrine::parity
