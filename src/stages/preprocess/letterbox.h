// The letterbox scales and pads an image to the model's input. Formulas:
// docs/reference/algorithms.md#letterbox. All sizes are pixels, at least 1.
#pragma once

#include "image/geometry.h"

namespace peregrine::preprocess {

/// Static input (rect=False): scale to fit, up or down, pad on both sides; the odd pixel goes right and
/// below.
Geometry letterbox(int image_width, int image_height, int input_width, int input_height);
/// Ultralytics' default predict (rect=True): scaled to fit width x height, both of which are multiples of
/// `stride`, and padded only to the next multiple of it.
Geometry letterbox_rect(int image_width, int image_height, int width, int height, int stride);
/// Validation: the long side becomes `size`, the other one is rounded up, then padded to size x size. Scale
/// factors differ from letterbox() where rounding does.
Geometry letterbox_validation(int image_width, int image_height, int size);

}  // namespace peregrine::preprocess
