// Head tensors as the decoding arithmetic reads them, whatever their dtype and layout. Plain data: kernels
// take it by value.
#pragma once

#include <cstddef>

#include "core/half.h"
#include "core/host_device.h"
#include "stages/postprocess/head/decode_math.h"

namespace peregrine::postprocess {

/// Some channels of one image: [channels, height, width], strides in elements.
struct FeatureMap {
  const void* data = nullptr;
  bool half = false;
  int channels = 0, height = 0, width = 0;
  std::ptrdiff_t image_stride = 0, channel_stride = 0, row_stride = 0, column_stride = 0;

  PEREGRINE_HD const void* address(std::ptrdiff_t element) const {
    return static_cast<const char*>(data) + element * (half ? 2 : 4);
  }
  PEREGRINE_HD float at(int channel, int row, int column) const {
    const void* element = address(channel * channel_stride + row * row_stride + column * column_stride);
    return half ? to_float(*static_cast<const Half*>(element)) : *static_cast<const float*>(element);
  }
  /// The same channels of the image `n` further on in the batch.
  PEREGRINE_HD FeatureMap of_image(int n) const {
    FeatureMap map = *this;
    map.data = address(n * image_stride);
    return map;
  }
  PEREGRINE_HD FeatureMap slice(int first, int count) const {
    FeatureMap map = *this;
    map.data = address(first * channel_stride);
    map.channels = count;
    return map;
  }
};

/// The anchors of one stride; of a decoded head all anchors, as one row.
struct PyramidLevel {
  bool decoded = false;
  FeatureMap box;      ///< raw: 4 * bins logits; decoded: x, y, width, height
  FeatureMap classes;  ///< raw: logits; decoded: scores
  FeatureMap extra;    ///< keypoints or mask coefficients
  int first_anchor = 0;
  float stride = 0;

  PEREGRINE_HD PyramidLevel of_image(int n) const {
    return {decoded, box.of_image(n), classes.of_image(n), extra.of_image(n), first_anchor, stride};
  }
  PEREGRINE_HD float score(float value) const { return decoded ? value : sigmoid(value); }
  /// Raw head: distance from the anchor to side 0 left, 1 top, 2 right or 3 bottom, in strides.
  PEREGRINE_HD float distance(int side, int row, int column) const {
    const int bins = box.channels / 4;
    return side_distance([&](int bin) { return box.at(side * bins + bin, row, column); }, bins);
  }
  PEREGRINE_HD CentredBox box_at(int row, int column) const {
    if (decoded)
      return {box.at(0, row, column), box.at(1, row, column), box.at(2, row, column), box.at(3, row, column)};
    return decode_box(distance(0, row, column), distance(1, row, column), distance(2, row, column),
                      distance(3, row, column), column, row, stride);
  }
  /// Value `index` of a keypoint (x, y, visibility) whose channels begin at `channel`.
  PEREGRINE_HD float keypoint(int channel, int index, int row, int column) const {
    const float value = extra.at(channel + index, row, column);
    if (decoded) return value;
    return index == 2 ? sigmoid(value) : decode_keypoint(value, index == 0 ? column : row, stride);
  }
};

}  // namespace peregrine::postprocess
