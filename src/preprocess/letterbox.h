// The letterbox: how a picture is scaled and padded to the model's input. Formulas: design, "Letterbox".
#pragma once

#include "base/geometry.h"

namespace peregrine::preprocess {

/// Static input (rect=False): scale to fit, up or down, pad with 114 on both sides.
Geometry letterbox(int image_width, int image_height, int input_width, int input_height);
/// Ultralytics' default predict (rect=True): the input shrinks to the next multiple of `stride`.
Geometry letterbox_rect(int image_width, int image_height, int size, int stride);

/// Validation resizes twice: the long side to `size` with ceil, then a letterbox without scale-up.
struct ValidationGeometry {
  int first_width = 0, first_height = 0;
  Geometry second;  ///< image_* is still the original picture
};
ValidationGeometry letterbox_validation(int image_width, int image_height, int size);

}  // namespace peregrine::preprocess
