// A cache of batch sessions, one for every input size that the images need: a single one, or with --rect one
// for each aspect ratio.
#pragma once

#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "engine_cache/engine_context.h"
#include "formats/model.h"
#include "peregrine/pipeline.h"
#include "predictor/gpu/batch_session.h"

namespace peregrine::predictor {

class SessionCache {
 public:
  /// Reads the models. Without PipelineOptions::rect the engines are built at once; with it their plans are,
  /// and every size takes its choices from them. `guard` and `stream` outlive this object.
  SessionCache(const engine_cache::EngineContext& context, const Settings& settings,
               const PipelineOptions& options, GpuPolicy& policy, cudaStream_t stream);

  std::vector<ModelInfo> models() const;
  Precision precision() const { return precision_; }
  /// With PipelineOptions::reid: whose objects get embeddings.
  const ClassesByModel& reid_classes() const { return reid_classes_; }

  /// Input height and width of each model for an image; images with equal sizes can share a batch.
  using Sizes = std::vector<std::pair<int, int>>;
  Sizes sizes_for(const ImageView& image) const;
  /// The detectors at such sizes; valid until the next call.
  BatchSession& at(const Sizes& sizes);
  Geometry geometry(const ImageView& image, std::size_t model) const;

 private:
  struct Detector {
    Model model;
    InputShape shape;
    postprocess::Options options;
    Plan plan;  ///< rect only: the plan whose tactics other sizes take
  };
  std::unique_ptr<BatchSession> make(const Sizes& sizes);

  const engine_cache::EngineContext& context_;
  GpuPolicy& policy_;
  cudaStream_t stream_;
  int batch_;
  PipelineOptions options_;
  Precision precision_;
  std::vector<Detector> detectors_;
  ClassesByModel reid_classes_;
  std::list<std::pair<Sizes, std::unique_ptr<BatchSession>>> shapes_;  ///< last used first
};

}  // namespace peregrine::predictor
