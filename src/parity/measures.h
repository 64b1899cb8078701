// What two objects are compared by beside box, class and confidence: a row for masks, keypoints and
// embeddings, and one for what a further task gives (docs/extending/add-task.md).
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "core/task/task_traits.h"
#include "peregrine/results.h"
#include "peregrine/settings.h"

namespace peregrine::parity {

/// Texts are static.
struct Measure {
  bool (*belongs)(const TaskTraits& task);  ///< to the models of a task: whose reports name it
  const char* check;                        ///< in the validation record: "their mask IoU"
  const char* step = "";                    ///< in `explain`: "masks"
  bool at_least = false;  ///< a likeness, 1 between equals; otherwise a difference, 0 between equals
  /// Of objects that lack it equals.
  float (*of)(const Object& reference, const Object& tested);
  float (*limit)(const ParityLimits& limits);
  std::string (*wrong)(float value);                         ///< "mask overlaps by IoU 0.930"
  std::string (*worst)(float value, float limit) = nullptr;  ///< a sentence's end for `explain`, with `step`

  float equal() const { return at_least ? 1.0f : 0.0f; }
};

/// Places of the rows that are there from the start.
enum MeasureIndex : std::size_t { mask_measure, keypoint_measure, embedding_measure };

std::span<const Measure> measures();
/// Adds a row. For programs and tests, before anything is compared: not thread-safe.
void register_measure(const Measure& measure);

/// Cosine of two vectors of equal length; 0 when one of them is zero.
float cosine(std::span<const float> a, std::span<const float> b);

}  // namespace peregrine::parity
