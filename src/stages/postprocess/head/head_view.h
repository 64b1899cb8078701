// Finds and checks the head tensors of a model.
#pragma once

#include <span>
#include <vector>

#include "stages/postprocess/head/feature_map.h"
#include "stages/postprocess/postprocess.h"

namespace peregrine::postprocess {

struct AnchorPlace {
  const PyramidLevel* level;
  int row, column;
};

/// The head of one image, or of the first one of a batch.
struct HeadView {
  std::vector<PyramidLevel> levels;
  FeatureMap proto;  ///< segment only

  int anchors() const;
  AnchorPlace place(int anchor) const;
};

/// The tensors of `model` for image `n`, which must be where `on_gpu` says. Throws Error "model.head".
HeadView view_head(const ModelInfo& model, std::span<const NamedTensor> heads, int n, bool on_gpu = false);

}  // namespace peregrine::postprocess
