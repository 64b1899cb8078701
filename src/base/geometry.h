// Where a picture lies inside the model's input: written by preprocess, read by postprocess.
#pragma once

namespace peregrine {

/// Plain data, also read by kernels. Pixels everywhere.
struct Geometry {
  int image_width = 0, image_height = 0;      ///< original picture
  int input_width = 0, input_height = 0;      ///< model input
  int resized_width = 0, resized_height = 0;  ///< picture inside the input, before padding
  int pad_left = 0, pad_top = 0;
};

/// A part to cut out of picture `picture` of a batch: `box` is x1, y1, x2, y2 in its pixels. Plain data, made and read by kernels.
struct Crop {
  float box[4];
  int picture = 0;
};

}  // namespace peregrine
