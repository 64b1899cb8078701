// The parts of an object that results have beside box, class and confidence, as JSON: a row for keypoints,
// mask and embedding, and one for what a further task gives (docs/extending/add-task.md).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>

#include "peregrine/results.h"

namespace peregrine::predictor {

struct ObjectPart {
  const char* key;  ///< static
  /// Null where the object has none: the key is left out.
  nlohmann::ordered_json (*value)(const Object& object);
};

/// In the order in which they are written.
std::span<const ObjectPart> object_parts();
/// Adds a row. For programs and tests, before results are written: not thread-safe.
void register_object_part(const ObjectPart& part);

/// Digits behind the point: a pixel's hundredth is far below what a model knows.
inline constexpr int pixel_digits = 2, confidence_digits = 4;
/// Rounded for reading.
double rounded(double value, int digits);

}  // namespace peregrine::predictor
