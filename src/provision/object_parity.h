// What an engine's head tensors mean, beside what the reference's mean: object by object.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/geometry.h"
#include "base/tensor.h"
#include "compare/parity.h"
#include "engine/store/manifest.h"
#include "peregrine/model_info.h"
#include "postprocess/postprocess.h"

namespace peregrine::provision {

/// Head tensors of one run, dense FP32 on the host.
struct HeadTensors {
  std::span<const std::string> names;
  std::span<const HostTensor> tensors;
};

/// Candidates before NMS, from input pixels to those of the picture.
std::vector<compare::ParityCandidate> in_pixels(std::span<const postprocess::Candidate> candidates, const Geometry& geometry);

/// Adds up over pictures; of one model.
class ObjectParity {
 public:
  ObjectParity(const ModelInfo& model, const ParityLimits& limits) : model_(model), limits_(limits), parity_(limits) {}

  /// Picture `slot` of a batch. For ReID the rows of the output, one object each.
  void add(const std::string& picture, const HeadTensors& expected, const HeadTensors& actual, int slot,
           const Geometry& geometry);

  int objects() const { return parity_.objects(); }
  /// The shares of objects, and how far those that were found depart.
  std::vector<store::Check> checks() const;
  std::vector<std::string> departures() const;

 private:
  const ModelInfo& model_;
  ParityLimits limits_;
  compare::Parity parity_;
};

}  // namespace peregrine::provision
