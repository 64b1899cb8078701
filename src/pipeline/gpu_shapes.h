// The detectors of a run at every input size that its pictures ask for: one size, or, for --rect, one a picture's proportions.
#pragma once

#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "model/model.h"
#include "peregrine/pipeline.h"
#include "pipeline/gpu_shape.h"
#include "provision/engine_choice.h"

namespace peregrine::pipeline {

class GpuShapes {
 public:
  /// Reads the models. Without PipelineOptions::rect the engines are built at once; with it their plans are, and every
  /// size takes its choices from them. `guard` and `stream` outlive this object.
  GpuShapes(const provision::EngineChoice& choice, const Settings& settings, const PipelineOptions& options,
            PlacementGuard& guard, cudaStream_t stream);

  std::vector<ModelInfo> models() const;
  Precision precision() const { return precision_; }
  /// With PipelineOptions::reid: whose objects get embeddings.
  const ClassesByModel& reid_classes() const { return reid_classes_; }

  /// Input height and width of each model for a picture; pictures with equal sizes can share a batch.
  using Sizes = std::vector<std::pair<int, int>>;
  Sizes sizes_for(const ImageView& image) const;
  /// The detectors at such sizes; valid until the next call.
  GpuShape& at(const Sizes& sizes);
  Geometry geometry(const ImageView& image, std::size_t model) const;

 private:
  struct Detector {
    Model model;
    InputShape shape;
    postprocess::Options options;
    Plan plan;  ///< rect only: what other sizes take their choices from
  };
  std::unique_ptr<GpuShape> make(const Sizes& sizes);

  const provision::EngineChoice& choice_;
  PlacementGuard& guard_;
  cudaStream_t stream_;
  int batch_;
  PipelineOptions options_;
  Precision precision_;
  std::vector<Detector> detectors_;
  ClassesByModel reid_classes_;
  std::list<std::pair<Sizes, std::unique_ptr<GpuShape>>> shapes_;  ///< last used first
};

}  // namespace peregrine::pipeline
