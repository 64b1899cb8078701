// One picture's head tensors, whatever their dtype and layout, raw or decoded.
#pragma once

#include <span>
#include <vector>

#include "base/half.h"
#include "postprocess/decode_math.h"
#include "postprocess/postprocess.h"

namespace peregrine::postprocess {

/// Some channels of one picture: [channels, height, width], strides in elements.
struct FeatureMap {
  const void* data = nullptr;
  bool half = false;
  int channels = 0, height = 0, width = 0;
  std::ptrdiff_t channel_stride = 0, row_stride = 0, column_stride = 0;

  float at(int channel, int row, int column) const {
    const std::ptrdiff_t i = channel * channel_stride + row * row_stride + column * column_stride;
    return half ? to_float(static_cast<const Half*>(data)[i]) : static_cast<const float*>(data)[i];
  }
  FeatureMap slice(int first, int count) const;
};

/// The anchors of one stride; of a decoded head all anchors, as one row.
struct Level {
  bool decoded = false;
  FeatureMap box;      ///< raw: 4 * bins logits; decoded: x, y, width, height
  FeatureMap classes;  ///< raw: logits; decoded: scores
  FeatureMap extra;    ///< keypoints or mask coefficients
  int first_anchor = 0;
  float stride = 0;

  float score(float value) const { return decoded ? value : sigmoid(value); }
  CentredBox box_at(int row, int column) const;
};

struct AnchorPlace {
  const Level* level;
  int row, column;
};

struct HeadView {
  std::vector<Level> levels;
  FeatureMap proto;  ///< segment only

  AnchorPlace place(int anchor) const;
};

/// Finds and checks the tensors of `model` for picture `n`. Throws Error "model.head".
HeadView view_head(const ModelInfo& model, std::span<const NamedTensor> heads, int n);

}  // namespace peregrine::postprocess
