// Geometry says where an image lies inside the model's input; preprocess writes it, postprocess reads it.
#pragma once

namespace peregrine {

/// Plain data, also read by kernels. Pixels everywhere.
struct Geometry {
  int image_width = 0, image_height = 0;      ///< original image
  int input_width = 0, input_height = 0;      ///< model input
  int resized_width = 0, resized_height = 0;  ///< image inside the input, before padding
  int pad_left = 0, pad_top = 0;
};

/// A part to cut out of image `image` of a batch: `box` is x1, y1, x2, y2 in its pixels. Plain data, made and
/// read by kernels.
struct Crop {
  float box[4];
  int image = 0;
};

}  // namespace peregrine
