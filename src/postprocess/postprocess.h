// Head tensors -> objects in pixels of the picture. A task is data plus one file in this folder.
// Formulas: design, "Exact meaning". All arithmetic FP32, whatever the dtype of the tensors.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/geometry.h"
#include "peregrine/model_info.h"
#include "peregrine/results.h"
#include "peregrine/tensor.h"

namespace peregrine::postprocess {

struct NamedTensor {
  std::string name;  ///< graph/head.h
  TensorView view;   ///< [N, ...], any strides, f32 or f16
};

struct Options {
  float confidence = 0.25f;   ///< strictly greater
  float iou = 0.7f;           ///< suppress on strictly greater
  int max_detections = 300;
  std::vector<int> classes;   ///< empty: all
  bool multi_label = false;   ///< validation: every class above the threshold is a candidate
  bool validation_masks = false;  ///< masks made at input size, see design ("Masks, val")
  bool keep_candidates = false;   ///< fill Detections::candidates (parity checks)
};

/// A box before NMS, in input pixels.
struct Candidate {
  std::array<float, 4> box{};  ///< x1, y1, x2, y2
  float confidence = 0;
  int class_id = 0;
  int anchor = 0;  ///< index over all levels: where keypoints and coefficients are read
};

struct Detections {
  std::vector<Object> objects;        ///< by confidence, falling
  std::vector<Candidate> candidates;  ///< above the threshold, before NMS; only when asked for
};

/// Objects of picture `n` of the batch. `heads` are in host memory.
Detections postprocess(const ModelInfo& model, std::span<const NamedTensor> heads, int n, const Geometry& geometry,
                       const Options& options);

/// L2 normalisation in place: norm <= 1e-12 leaves the vector, non-finite elements become 0.
void normalise_embedding(std::span<float> features);

}  // namespace peregrine::postprocess
