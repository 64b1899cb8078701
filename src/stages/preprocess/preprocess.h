// Converts an image to the model's input: resize (bit-exact to OpenCV's INTER_LINEAR on 8 bits), pad, RGB,
// scale to 0..1. Here on the host; the same arithmetic in kernels: stages/preprocess/cuda/preprocess.h.
//
// Inputs are [N,3,H,W], f32 or f16, any strides, in host memory; only slot `n` is written. An input that does
// not fit what it is asked to hold is a fault of the caller: Error "internal.preprocess".
#pragma once

#include <array>

#include "image/geometry.h"
#include "peregrine/image.h"

namespace peregrine::preprocess {

/// 8-bit resize, bit-exact to cv2.resize(..., INTER_LINEAR); channel order kept. 1 <= width, height.
HostImage resize(const ImageView& image, int width, int height);

/// Writes one image into slot `n` of `input`, padding included. FP32: v/255 in float; FP16: the same, rounded
/// once. `geometry` is that of this image and this input.
void letterbox_into(const ImageView& image, const Geometry& geometry, const TensorView& input, int n);

/// ReID crop: box rounded half to even and clipped, resized to the input's size, RGB, /255, ImageNet
/// mean and deviation. Returns false and writes zeros for an empty crop.
bool reid_crop_into(const ImageView& image, const std::array<float, 4>& box, const TensorView& input, int n);

}  // namespace peregrine::preprocess
