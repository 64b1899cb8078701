// A model with its engine, in host memory: it runs an input tensor and returns the head tensors.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "engine/engine.h"
#include "engine_cache/engine_context.h"
#include "formats/model.h"
#include "image/geometry.h"
#include "peregrine/pipeline.h"
#include "stages/postprocess/postprocess.h"

namespace peregrine::predictor {

/// What the sides of a detector's input are multiples of: its largest stride, and 32 at least, as in
/// Ultralytics.
int input_multiple(const ModelInfo& model);

/// The input of a model for a wanted size (nothing: the training size), both sides rounded up to
/// input_multiple(), which the log says once. Throws "usage.imgsz" or "usage.batch" for a file that fixes
/// another shape.
InputShape input_shape(const ModelInfo& model, std::optional<InputSize> wanted, int batch);

/// input_shape() of a detector as a pipeline runs it. Validation is square, as Ultralytics' is: the longer
/// side counts, and a file that fixes another input is refused by "validation.model"; so is, by "usage.rect",
/// one that fixes any for --rect.
InputShape detector_shape(const ModelInfo& model, const Settings& settings, const PipelineOptions& options);

/// Where an image goes in the input that detector_shape() gave.
Geometry detector_geometry(const ImageView& image, const ModelInfo& model, const InputShape& shape,
                           const PipelineOptions& options);

class ModelEngine {
 public:
  /// `dynamic`: any batch, height and width a run; otherwise exactly `shape`. A head that the file decodes
  /// has the anchors of one size in it: such a model gets an engine for each size that comes, the first one
  /// out of the store.
  ModelEngine(const Model& model, const engine_cache::EngineContext& context, const InputShape& shape,
              bool dynamic);

  const ModelInfo& model() const { return model_; }
  const InputShape& shape() const { return shape_; }
  bool dynamic() const { return dynamic_; }
  Precision precision() const { return engine_->precision(); }

  /// `input` is [N,3,H,W] FP32 in host memory. The returned views live until the next run.
  std::span<const postprocess::NamedTensor> run(const TensorView& input);

 private:
  /// Buffers for the outputs at one input shape, and the engine where each shape has its own.
  struct Outputs {
    std::vector<HostTensor> tensors;
    std::vector<postprocess::NamedTensor> named;
    std::unique_ptr<Engine> engine;

    void add(const std::string& name, const Shape& shape);
  };
  Outputs& outputs_for(const Shape& input);
  /// With an engine for that input alone.
  Outputs built_for(const Shape& input) const;
  /// Of the one engine for all sizes, at another input.
  Outputs scaled_to(const Shape& input) const;

  ModelInfo model_;
  std::string step_;  ///< "inference NAME"
  InputShape shape_;
  bool dynamic_;
  /// Of engines for other sizes; none: engine_ takes all.
  std::optional<std::pair<Model, engine_cache::EngineContext>> source_;
  std::unique_ptr<Engine> engine_;
  std::map<std::vector<std::int64_t>, Outputs> outputs_;  ///< by input shape; one entry unless dynamic
};

}  // namespace peregrine::predictor
