// The kernels of preprocess: a batch of images of any sizes in one launch, bit-exact to
// stages/preprocess/preprocess.h (same arithmetic). All memory is on the device; every call is asynchronous
// on `cuda_stream` and allocates nothing.
//
// Inputs are [N,3,H,W], f32 or f16, any strides. An input whose pixels lie apart by more than three channels
// (NHWC padded to four or eight) gets zeros in the extra ones.
#pragma once

#include <cstddef>
#include <cstdint>

#include "image/geometry.h"
#include "peregrine/image.h"

namespace peregrine::preprocess {

/// One image of the batch, in device memory that kernels can read.
struct InputImage {
  const std::uint8_t* pixels = nullptr;  ///< 8-bit, three interleaved channels
  std::ptrdiff_t pitch = 0;
  PixelOrder order = PixelOrder::bgr;
  Geometry geometry;  ///< for this image and this input
};

/// Writes images[0..count) into slots 0..count of `input`, padding included.
void letterbox_batch(const InputImage* images, int count, const TensorView& input, void* cuda_stream);

/// Writes crops[*first + i] into slot i of `input`, for every i below the input's batch and *first + i <
/// *count; the remaining slots are zeroed. Empty crops become zeros.
void reid_crop_batch(const InputImage* images, const Crop* crops, const int* count, const int* first,
                     const TensorView& input, void* cuda_stream);

}  // namespace peregrine::preprocess
