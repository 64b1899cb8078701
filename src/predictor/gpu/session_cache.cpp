#include "predictor/gpu/session_cache.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine_cache/engine_cache.h"
#include "peregrine/error.h"
#include "predictor/class_filter.h"
#include "predictor/models/build_engine.h"
#include "predictor/models/model_engine.h"

namespace peregrine::predictor {

namespace {

/// Sizes kept at once; a folder of images rarely has more proportions, and each holds device memory.
constexpr std::size_t most_shapes = 8;

postprocess::Options postprocess_options(const Settings& settings, const std::vector<int>& classes,
                                         const PipelineOptions& options) {
  postprocess::Options wanted;
  wanted.confidence = settings.model_confidence_threshold;
  wanted.iou = settings.iou;
  wanted.max_detections = settings.max_det;
  wanted.classes = classes;
  wanted.multi_label = wanted.validation_masks = options.validation;
  return wanted;
}

}  // namespace

SessionCache::SessionCache(const engine_cache::EngineContext& context, const Settings& settings,
                           const PipelineOptions& options, GpuPolicy& policy, cudaStream_t stream)
    : context_(context),
      policy_(policy),
      stream_(stream),
      batch_(settings.batch),
      options_(options),
      precision_(context.precision) {
  if (options_.rect && context.builder->name() != "cuda")
    throw Error(
        "usage.rect",
        fmt::format("The {} engine would build anew for every size of --rect.", context.builder->name()),
        "Leave out --rect, or pass --engine cuda.");
  std::vector<Model> opened;
  std::vector<ModelInfo> infos;
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    opened.push_back(
        engine_cache::open_model(options.models[i], task_hint(settings, i, options.models.size())));
    infos.push_back(opened.back().info());
    require_detector(infos.back());
  }
  const ClassesByModel classes = resolve_classes(infos, options.classes);
  if (options.reid) reid_classes_ = resolve_reid_classes(infos, options.reid_classes);
  for (std::size_t m = 0; m < opened.size(); ++m) {
    Model& model = opened[m];
    const InputShape shape = detector_shape(model.info(), settings, options_);
    Plan plan;
    if (options_.rect) plan = build_plan(model, context_, shape, false);
    auto wanted = postprocess_options(settings, classes[m], options);
    detectors_.push_back({std::move(model), shape, std::move(wanted), std::move(plan)});
  }
  if (!options_.rect) precision_ = at(sizes_for({})).detector(0).engine().precision();
}

std::vector<ModelInfo> SessionCache::models() const {
  std::vector<ModelInfo> models;
  for (const Detector& detector : detectors_) models.push_back(detector.model.info());
  return models;
}

Geometry SessionCache::geometry(const ImageView& image, std::size_t model) const {
  return detector_geometry(image, detectors_[model].model.info(), detectors_[model].shape, options_);
}

SessionCache::Sizes SessionCache::sizes_for(const ImageView& image) const {
  Sizes sizes;
  for (std::size_t m = 0; m < detectors_.size(); ++m) {
    const InputShape& fixed = detectors_[m].shape;
    const Geometry g = options_.rect ? geometry(image, m)
                                     : Geometry{.input_width = fixed.width, .input_height = fixed.height};
    sizes.emplace_back(g.input_height, g.input_width);
  }
  return sizes;
}

BatchSession& SessionCache::at(const Sizes& sizes) {
  const auto found =
      std::ranges::find(shapes_, sizes, [](const auto& entry) -> const Sizes& { return entry.first; });
  if (found != shapes_.end()) {
    shapes_.splice(shapes_.begin(), shapes_, found);
  } else {
    if (shapes_.size() >= most_shapes) shapes_.pop_back();  // first give back, then take
    auto shape = make(sizes);
    shapes_.emplace_front(sizes, std::move(shape));
  }
  return *shapes_.front().second;
}

std::unique_ptr<BatchSession> SessionCache::make(const Sizes& sizes) {
  auto shape = std::make_unique<BatchSession>(batch_, stream_, policy_);
  for (std::size_t m = 0; m < detectors_.size(); ++m) {
    const Detector& detector = detectors_[m];
    const InputShape input{detector.shape.batch, sizes[m].first, sizes[m].second};
    shape->add(std::make_unique<GpuDetector>(detector.model, context_, input, detector.options,
                                             options_.rect ? &detector.plan : nullptr));
  }
  return shape;
}

}  // namespace peregrine::predictor
