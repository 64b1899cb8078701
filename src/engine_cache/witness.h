// Independent witnesses: programs that read and run the model's own file with nothing of ours.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "engine_cache/store/manifest.h"
#include "engine_cache/validation/object_parity.h"
#include "formats/model.h"
#include "image/geometry.h"
#include "parity/parity.h"

namespace peregrine::engine_cache {

/// What a program found: for each image its objects, those a little under the limit on confidence as well.
struct WitnessAnswer {
  std::string name{};  ///< "PyTorch 2.15.0, Ultralytics 8.4.190"
  std::string why{};   ///< in words, why it found nothing that could be compared; empty: it ran
  std::vector<std::vector<Object>> images{};
};

/// What a witness says, with the numbers that it says it by.
struct Testimony {
  store::Witness witness;
  std::vector<store::ValidationCheck> checks{};
  std::vector<std::string> mismatches{};
};

/// Compares an engine's heads with the objects of an answer, which is the reference here. Adds up over
/// images.
class WitnessParity {
 public:
  /// `model` and `answer` outlive this.
  WitnessParity(const ModelInfo& model, const ParityLimits& limits, const WitnessAnswer& answer)
      : model_(model), limits_(limits), answer_(answer), parity_(limits) {}

  /// The `index`th image, in slot `slot` of a batch.
  void add(std::size_t index, const std::string& image, const HeadTensors& actual, int slot,
           const Geometry& geometry);
  Testimony finish() const;

 private:
  const ModelInfo& model_;
  ParityLimits limits_;
  const WitnessAnswer& answer_;
  parity::Parity parity_;
};

/// Its witness is OpenVINO's frontend; others have to be asked elsewhere.
bool is_onnx_file(const Model& model);
/// Runs an ONNX file, as it lies where the model was read from, through OpenVINO's ONNX frontend, on `input`,
/// which the reference answered with `expected`, in the order of the file's outputs.
Testimony hear_onnx_frontend(const Model& model, const TensorView& input,
                             std::span<const HostTensor> expected);

/// The largest difference of any channel (axis 1), relative to its largest value, or to 0.05 where that is
/// more: scores and pixels of one tensor count alike. Infinite where shapes differ or a number is none.
double largest_departure(std::span<const HostTensor> expected, std::span<const HostTensor> actual);

}  // namespace peregrine::engine_cache
