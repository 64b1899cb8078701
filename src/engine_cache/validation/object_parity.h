// Compares the objects of an engine's head tensors with those of the reference's, object by object.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "engine_cache/store/manifest.h"
#include "image/geometry.h"
#include "parity/parity.h"
#include "peregrine/model_info.h"
#include "stages/postprocess/postprocess.h"

namespace peregrine::engine_cache {

/// Head tensors of one run, dense FP32 on the host.
struct HeadTensors {
  std::span<const std::string> names;
  std::span<const HostTensor> tensors;
};

/// Candidates before NMS, from input pixels to those of the image.
std::vector<parity::ParityCandidate> in_pixels(std::span<const postprocess::Candidate> candidates,
                                               const Geometry& geometry);

/// The confidence from which objects are wanted: a little below the limit, so that one that hovers there is
/// not missed.
float least_confidence(const ParityLimits& limits);
/// Compares what `actual` means, image `slot` of a batch, with the objects of a reference.
void add_to(parity::Parity& parity, const std::string& image, std::span<const Object> reference,
            const ModelInfo& model, const ParityLimits& limits, const HeadTensors& actual, int slot,
            const Geometry& geometry);

/// A check's name, for those who must leave it out.
inline constexpr const char* right_before_nms = "objects right before NMS, share";

/// The shares of objects, and how far those that were found depart.
std::vector<store::ValidationCheck> checks_of(const parity::Parity& parity, Task task,
                                              const ParityLimits& limits);
/// Objects that deviated, a line each.
std::vector<std::string> lines_of(const parity::Parity& parity);

/// Adds up over images; of one model.
class ObjectParity {
 public:
  ObjectParity(const ModelInfo& model, const ParityLimits& limits)
      : model_(model), limits_(limits), parity_(limits) {}

  /// Image `slot` of a batch. For ReID the rows of the output, one object each.
  void add(const std::string& image, const HeadTensors& expected, const HeadTensors& actual, int slot,
           const Geometry& geometry);

  int objects() const { return parity_.objects(); }
  std::vector<store::ValidationCheck> checks() const { return checks_of(parity_, model_.task, limits_); }
  std::vector<std::string> mismatches() const { return lines_of(parity_); }

 private:
  const ModelInfo& model_;
  ParityLimits limits_;
  parity::Parity parity_;
};

}  // namespace peregrine::engine_cache
