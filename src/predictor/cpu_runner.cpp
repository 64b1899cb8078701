#include "predictor/cpu_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "core/log.h"
#include "core/tensor.h"
#include "core/trace.h"
#include "engine_cache/engine_cache.h"
#include "predictor/class_filter.h"
#include "predictor/models/deployed_models.h"
#include "predictor/models/model_engine.h"
#include "stages/decode/decode.h"
#include "stages/preprocess/preprocess.h"

namespace peregrine::predictor {

namespace {

class Stopwatch {
 public:
  /// Milliseconds since construction or the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::milli>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// A batch of images letterboxed for one input size, shared by all models of that size.
struct PreparedInput {
  Shape shape;
  HostTensor tensor;
  std::vector<Geometry> geometry;
};

class CpuRunner final : public BatchRunner {
 public:
  CpuRunner(engine_cache::EngineContext context, const Settings& settings, const PipelineOptions& options,
            std::vector<Fallback> fallbacks)
      : settings_(settings), options_(options) {
    std::vector<Model> detectors;
    for (std::size_t i = 0; i < options.models.size(); ++i) {
      detectors.push_back(
          engine_cache::open_model(options.models[i], task_hint(settings, i, options.models.size())));
      require_detector(detectors.back().info());
      models_.push_back(detectors.back().info());
    }
    filters_ = resolve_classes(models_, options.classes);
    if (options.reid) reid_classes_ = resolve_reid_classes(models_, options.reid_classes);
    for (const Model& model : detectors)
      engines_.emplace_back(model, context, detector_shape(model.info(), settings_, options_), options_.rect);
    if (options.reid)
      add_reid(engine_cache::open_model_expecting(*options.reid, {.task = Task::reid}), context);
    info_ = {context.builder->name(), fmt::format("{} ({})", to_string(context.device), context.device_name),
             context.precision, std::move(fallbacks)};
    for (const ModelEngine& engine : engines_) info_.precision = engine.precision();
  }

  const RunInfo& info() const override { return info_; }
  const std::vector<ModelInfo>& models() const override { return models_; }
  bool decodes(std::span<const std::byte>) const override { return false; }
  std::vector<RunnerResult> finish(PreparedBatch& batch) override;

 private:
  std::vector<ImageResult> run_images(std::span<const ImageView> images);
  void add_reid(const Model& model, const engine_cache::EngineContext& context) {
    require_reid(model.info());
    models_.push_back(model.info());
    const bool dynamic = model.info().dynamic_shape;
    const int batch = dynamic ? reid_batch : std::max(1, model.info().fixed_batch);
    reid_ = std::make_unique<ModelEngine>(model, context, input_shape(models_.back(), {}, batch), dynamic);
  }

  Geometry geometry_for(const ImageView& image, const ModelEngine& engine) const;
  PreparedInput& prepare(const ModelEngine& engine, std::span<const ImageView> images);
  void embed(const ImageView& image, ImageResult& result);

  Settings settings_;
  PipelineOptions options_;
  RunInfo info_;
  std::vector<ModelInfo> models_;
  std::vector<ModelEngine> engines_;
  ClassesByModel filters_, reid_classes_;
  std::unique_ptr<ModelEngine> reid_;
  std::vector<PreparedInput> prepared_;  ///< of the running batch, by shape; buffers are kept between batches
};

Geometry CpuRunner::geometry_for(const ImageView& image, const ModelEngine& engine) const {
  return detector_geometry(image, engine.model(), engine.shape(), options_);
}

PreparedInput& CpuRunner::prepare(const ModelEngine& engine, std::span<const ImageView> images) {
  const Geometry first = geometry_for(images[0], engine);
  const std::int64_t batch = options_.rect ? 1 : engine.shape().batch;
  const Shape shape{batch, 3, first.input_height, first.input_width};
  auto slot = std::ranges::find(prepared_, shape, &PreparedInput::shape);
  if (slot == prepared_.end()) {
    prepared_.push_back({shape, HostTensor::zeros(DType::f32, shape), {}});
    slot = std::prev(prepared_.end());
  }
  if (slot->geometry.empty()) {
    const trace::Range range("preprocess");
    for (std::size_t n = 0; n < images.size(); ++n) {
      slot->geometry.push_back(geometry_for(images[n], engine));
      preprocess::letterbox_into(images[n], slot->geometry[n], slot->tensor.view(), static_cast<int>(n));
    }
  }
  return *slot;
}

std::vector<RunnerResult> CpuRunner::finish(PreparedBatch& batch) {
  const std::span<const Frame> frames = batch.frames();
  std::vector<RunnerResult> outcomes(frames.size());
  std::deque<HostImage> decoded;
  std::vector<ImageView> images;
  std::vector<std::size_t> places;
  const auto pixels_of = [&](const Frame& frame) {
    if (frame.pixels) return *frame.pixels;
    return decoded.emplace_back(decode::decode_image(frame.file, frame.name, options_.max_pixels)).view();
  };
  for (std::size_t i = 0; i < frames.size(); ++i) try {
      images.push_back(pixels_of(frames[i]));
      places.push_back(i);
    } catch (const Error& error) {
      outcomes[i].error = error;
    }
  if (images.empty()) return outcomes;
  auto results = run_images(images);
  for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]].result = std::move(results[i]);
  return outcomes;
}

std::vector<ImageResult> CpuRunner::run_images(std::span<const ImageView> images) {
  if (options_.rect && images.size() > 1) {  // each image has an input size of its own
    std::vector<ImageResult> results;
    for (const ImageView& image : images) results.push_back(std::move(run_images({&image, 1}).front()));
    return results;
  }
  std::vector<ImageResult> results(images.size());
  std::erase_if(prepared_, [&](const PreparedInput&) { return options_.rect; });
  for (PreparedInput& input : prepared_) input.geometry.clear();
  for (std::size_t m = 0; m < engines_.size(); ++m) {
    Stopwatch watch;
    const PreparedInput& input = prepare(engines_[m], images);
    StageTimes spent{0, watch.lap(), 0, 0};
    const auto heads = engines_[m].run(input.tensor.view());
    spent.inference = watch.lap();
    postprocess::Options options;
    options.confidence = settings_.model_confidence_threshold;
    options.iou = settings_.iou;
    options.max_detections = settings_.max_det;
    options.classes = filters_[m];
    options.multi_label = options.validation_masks = options_.validation;
    const double share = 1.0 / static_cast<double>(images.size());
    for (std::size_t n = 0; n < images.size(); ++n) {
      const trace::Range range("postprocess");
      watch.lap();
      auto objects = postprocess::postprocess(engines_[m].model(), heads, static_cast<int>(n),
                                              input.geometry[n], options)
                         .objects;
      for (Object& object : objects) {
        object.model = static_cast<int>(m);
        results[n].objects.push_back(std::move(object));
      }
      results[n].time_ms.preprocess += spent.preprocess * share;
      results[n].time_ms.inference += spent.inference * share;
      results[n].time_ms.postprocess += watch.lap();
    }
  }
  for (std::size_t n = 0; n < images.size(); ++n) {
    results[n].width = images[n].width;
    results[n].height = images[n].height;
    if (reid_) embed(images[n], results[n]);
    std::ranges::stable_sort(results[n].objects, std::ranges::greater{}, &Object::confidence);
  }
  return results;
}

void CpuRunner::embed(const ImageView& image, ImageResult& result) {
  const trace::Range range("reid");
  std::vector<Object*> persons;
  for (Object& object : result.objects)
    if (std::ranges::count(reid_classes_[static_cast<std::size_t>(object.model)], object.class_id) > 0)
      persons.push_back(&object);
  Stopwatch watch;
  const auto most = static_cast<std::size_t>(reid_->shape().batch);
  for (std::size_t begin = 0; begin < persons.size(); begin += most) {
    const std::size_t count = std::min(most, persons.size() - begin);
    const auto slots = static_cast<std::int64_t>(reid_->dynamic() ? count : most);
    HostTensor input = HostTensor::zeros(DType::f32, {slots, 3, reid_->shape().height, reid_->shape().width});
    std::vector<bool> cropped(count);
    for (std::size_t i = 0; i < count; ++i)
      cropped[i] =
          preprocess::reid_crop_into(image, persons[begin + i]->box, input.view(), static_cast<int>(i));
    result.time_ms.preprocess += watch.lap();
    const TensorView features = reid_->run(input.view()).front().view;
    result.time_ms.inference += watch.lap();
    const auto length = static_cast<std::size_t>(features.shape[1]);
    for (std::size_t i = 0; i < count; ++i) {
      const float* row = features.as<float>() + i * length;
      auto& embedding = persons[begin + i]->embedding;
      embedding.assign(length, 0.0f);
      if (!cropped[i]) continue;  // an empty crop is zeros
      std::copy_n(row, length, embedding.begin());
      postprocess::normalise_embedding(embedding);
    }
    result.time_ms.postprocess += watch.lap();
  }
}

}  // namespace

std::unique_ptr<BatchRunner> make_cpu_runner(engine_cache::EngineContext context, const Settings& settings,
                                             const PipelineOptions& options,
                                             std::vector<Fallback> fallbacks) {
  return std::make_unique<CpuRunner>(std::move(context), settings, options, std::move(fallbacks));
}

}  // namespace peregrine::predictor
