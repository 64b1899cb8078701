// Converts head tensors to objects in pixels of the image. A task is data and a folder in tasks/. The
// formulas are in docs/reference/algorithms.md. All arithmetic FP32, whatever the dtype of the tensors.
// Here on the host; the same arithmetic in kernels: stages/postprocess/cuda/postprocess.h.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "image/geometry.h"
#include "peregrine/model_info.h"
#include "peregrine/results.h"
#include "peregrine/tensor.h"

namespace peregrine::postprocess {

struct NamedTensor {
  std::string name;  ///< core/head_names.h
  TensorView view;   ///< [N, ...], any strides, f32 or f16
};

struct Options {
  float confidence = 0.25f;  ///< strictly greater
  float iou = 0.7f;          ///< suppress on strictly greater
  int max_detections = 300;
  std::vector<int> classes;       ///< empty: all
  bool multi_label = false;       ///< validation: every class above the threshold is a candidate
  bool validation_masks = false;  ///< masks computed at input size (docs/reference/algorithms.md#masks)
  bool keep_candidates = false;   ///< fill Detections::candidates (parity checks)
};

/// At most this many candidates compete, the best ones.
inline constexpr int max_candidates = 30000;

/// A box before NMS, in input pixels.
struct Candidate {
  std::array<float, 4> box{};  ///< x1, y1, x2, y2
  float confidence = 0;
  int class_id = 0;
  int anchor = 0;  ///< index over all levels: where keypoints and coefficients are read
};

struct Detections {
  std::vector<Object> objects;  ///< by confidence, falling; equal ones by anchor, then class
  std::vector<Candidate>
      candidates;  ///< above the threshold, before NMS, in the same order; only when asked for
};

/// Objects of image `n` of the batch; Object::model stays 0. `heads` are in host memory. Throws Error
/// "model.head" when a head tensor is missing or has another shape than `model` calls for.
Detections postprocess(const ModelInfo& model, std::span<const NamedTensor> heads, int n,
                       const Geometry& geometry, const Options& options);

/// L2 normalisation in place: non-finite elements become 0, then a norm <= 1e-12 leaves the vector.
void normalise_embedding(std::span<float> features);

}  // namespace peregrine::postprocess
