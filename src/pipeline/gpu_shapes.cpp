#include "pipeline/gpu_shapes.h"

#include <fmt/format.h>

#include <algorithm>

#include "peregrine/error.h"
#include "pipeline/build_engine.h"
#include "pipeline/class_filter.h"
#include "pipeline/model_engine.h"
#include "preprocess/letterbox.h"
#include "provision/provision.h"

namespace peregrine::pipeline {

namespace {

/// Sizes kept at once; a folder of pictures rarely has more proportions, and each holds device memory.
constexpr std::size_t most_shapes = 8;

postprocess::Options postprocess_options(const Settings& settings, const ModelInfo& model, const PipelineOptions& options) {
  postprocess::Options wanted;
  wanted.confidence = settings.model_confidence_threshold;
  wanted.iou = settings.iou;
  wanted.max_detections = settings.max_det;
  wanted.classes = resolve_classes(model, options.classes);
  wanted.multi_label = wanted.validation_masks = options.validation;
  return wanted;
}

}  // namespace

GpuShapes::GpuShapes(const provision::EngineChoice& choice, const Settings& settings, const PipelineOptions& options,
                     PlacementGuard& guard, cudaStream_t stream)
    : choice_(choice),
      guard_(guard),
      stream_(stream),
      batch_(settings.batch),
      rect_(options.rect),
      validation_(options.validation),
      precision_(choice.precision) {
  if (rect_ && choice.builder->name() != "cuda")
    throw Error("usage.rect", fmt::format("The {} engine would build anew for every size of --rect.", choice.builder->name()),
                "Leave out --rect, or pass --engine cuda.");
  for (std::size_t i = 0; i < options.models.size(); ++i) {
    Model model = provision::open_model(options.models[i], task_hint(settings, i, options.models.size()));
    require_detector(model.info());
    if (rect_ && !model.info().dynamic_shape)
      throw Error("usage.rect", fmt::format("{} has a fixed input size.", model.info().name), "Leave out --rect.");
    const InputShape shape = input_shape(model.info(), settings.imgsz, settings.batch);
    Plan plan;
    if (rect_) plan = build_plan(model, choice_, shape, false);
    auto wanted = postprocess_options(settings, model.info(), options);
    detectors_.push_back({std::move(model), shape, std::move(wanted), std::move(plan)});
  }
  if (!rect_) precision_ = at(sizes_for({})).detector(0).engine().precision();
}

std::vector<ModelInfo> GpuShapes::models() const {
  std::vector<ModelInfo> models;
  for (const Detector& detector : detectors_) models.push_back(detector.model.info());
  return models;
}

Geometry GpuShapes::geometry(const ImageView& image, std::size_t model) const {
  const auto& [network, shape, options, plan] = detectors_[model];
  if (rect_) return preprocess::letterbox_rect(image.width, image.height, shape.width, network.info().strides.back());
  if (validation_) return preprocess::letterbox_validation(image.width, image.height, shape.width);
  return preprocess::letterbox(image.width, image.height, shape.width, shape.height);
}

GpuShapes::Sizes GpuShapes::sizes_for(const ImageView& image) const {
  Sizes sizes;
  for (std::size_t m = 0; m < detectors_.size(); ++m) {
    const InputShape& fixed = detectors_[m].shape;
    const Geometry g = rect_ ? geometry(image, m) : Geometry{.input_width = fixed.width, .input_height = fixed.height};
    sizes.emplace_back(g.input_height, g.input_width);
  }
  return sizes;
}

GpuShape& GpuShapes::at(const Sizes& sizes) {
  const auto found = std::ranges::find(shapes_, sizes, [](const auto& entry) -> const Sizes& { return entry.first; });
  if (found != shapes_.end()) {
    shapes_.splice(shapes_.begin(), shapes_, found);
  } else {
    if (shapes_.size() >= most_shapes) shapes_.pop_back();  // first give back, then take
    auto shape = make(sizes);
    shapes_.emplace_front(sizes, std::move(shape));
  }
  return *shapes_.front().second;
}

std::unique_ptr<GpuShape> GpuShapes::make(const Sizes& sizes) {
  auto shape = std::make_unique<GpuShape>(batch_, stream_, guard_);
  for (std::size_t m = 0; m < detectors_.size(); ++m) {
    const Detector& detector = detectors_[m];
    const InputShape input{detector.shape.batch, sizes[m].first, sizes[m].second};
    shape->add(std::make_unique<GpuDetector>(detector.model, choice_, input, detector.options, rect_ ? &detector.plan : nullptr));
  }
  return shape;
}

}  // namespace peregrine::pipeline
