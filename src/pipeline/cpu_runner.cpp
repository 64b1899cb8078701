#include "pipeline/cpu_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "base/log.h"
#include "base/tensor.h"
#include "base/trace.h"
#include "decode/decode.h"
#include "pipeline/class_filter.h"
#include "pipeline/model_engine.h"
#include "pipeline/service.h"
#include "preprocess/letterbox.h"
#include "preprocess/preprocess.h"
#include "provision/provision.h"

namespace peregrine::pipeline {

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

/// A batch of pictures letterboxed for one input size, shared by all models of that size.
struct PreparedInput {
  Shape shape;
  HostTensor tensor;
  std::vector<Geometry> geometry;
};

class CpuRunner final : public BatchRunner {
 public:
  CpuRunner(provision::EngineChoice choice, const Settings& settings, const PipelineOptions& options,
            std::vector<Fallback> fallbacks)
      : settings_(settings), rect_(options.rect), validation_(options.validation), max_pixels_(options.max_pixels) {
    for (std::size_t i = 0; i < options.models.size(); ++i)
      add_model(provision::open_model(options.models[i], task_hint(settings, i, options.models.size())),
                choice);
    require_known_classes(models_, options.classes);
    for (const ModelEngine& engine : engines_) filters_.push_back(resolve_classes(engine.model(), options.classes));
    if (options.reid) {
      add_reid(provision::open_model_expecting(*options.reid, {.task = Task::reid}), choice,
               options.reid_class);
    }
    info_ = {choice.builder->name(), fmt::format("{} ({})", to_string(choice.device), choice.device_name), choice.precision,
             std::move(fallbacks)};
    for (const ModelEngine& engine : engines_) info_.precision = engine.precision();
  }

  const RunInfo& info() const override { return info_; }
  const std::vector<ModelInfo>& models() const override { return models_; }
  bool decodes(std::span<const std::byte>) const override { return false; }
  std::vector<FrameOutcome> finish(PreparedBatch& batch) override;

 private:
  std::vector<ImageResult> run_pictures(std::span<const ImageView> images);
  void add_model(const Model& model, const provision::EngineChoice& choice) {
    require_detector(model.info());
    models_.push_back(model.info());
    const InputShape shape = input_shape(model.info(), settings_.imgsz, settings_.batch);
    if (rect_ && !model.info().dynamic_shape)
      throw Error("usage.rect", fmt::format("{} has a fixed input size.", model.info().name), "Leave out --rect.");
    engines_.emplace_back(model, choice, shape, rect_);
  }

  void add_reid(const Model& model, const provision::EngineChoice& choice, const std::string& class_name) {
    require_reid(model.info());
    reid_target_ = find_reid_target(models_, class_name);
    models_.push_back(model.info());
    const bool dynamic = model.info().dynamic_shape;
    const int batch = dynamic ? reid_batch : std::max(1, model.info().fixed_batch);
    reid_ = std::make_unique<ModelEngine>(model, choice, input_shape(models_.back(), {}, batch), dynamic);
  }

  Geometry geometry_for(const ImageView& image, const ModelEngine& engine) const;
  PreparedInput& prepare(const ModelEngine& engine, std::span<const ImageView> images);
  void embed(const ImageView& image, ImageResult& result);

  Settings settings_;
  bool rect_, validation_;
  std::int64_t max_pixels_;
  RunInfo info_;
  std::vector<ModelInfo> models_;
  std::vector<ModelEngine> engines_;
  std::vector<std::vector<int>> filters_;
  std::unique_ptr<ModelEngine> reid_;
  ReidTarget reid_target_;
  std::vector<PreparedInput> prepared_;  ///< of the running batch, by shape; buffers are kept between batches
};

Geometry CpuRunner::geometry_for(const ImageView& image, const ModelEngine& engine) const {
  if (rect_) return preprocess::letterbox_rect(image.width, image.height, engine.shape().width, engine.model().strides.back());
  if (validation_) return preprocess::letterbox_validation(image.width, image.height, engine.shape().width);
  return preprocess::letterbox(image.width, image.height, engine.shape().width, engine.shape().height);
}

PreparedInput& CpuRunner::prepare(const ModelEngine& engine, std::span<const ImageView> images) {
  const Geometry first = geometry_for(images[0], engine);
  const std::int64_t batch = rect_ ? 1 : engine.shape().batch;
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

std::vector<FrameOutcome> CpuRunner::finish(PreparedBatch& batch) {
  const std::span<const Frame> frames = batch.frames();
  std::vector<FrameOutcome> outcomes(frames.size());
  std::deque<HostImage> decoded;
  std::vector<ImageView> images;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < frames.size(); ++i) try {
      images.push_back(frames[i].pixels
                           ? *frames[i].pixels
                           : decoded.emplace_back(decode::decode_image(frames[i].file, frames[i].name, max_pixels_)).view());
      places.push_back(i);
    } catch (const Error& error) {
      outcomes[i].error = error;
    }
  if (images.empty()) return outcomes;
  auto results = run_pictures(images);
  for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]].result = std::move(results[i]);
  return outcomes;
}

std::vector<ImageResult> CpuRunner::run_pictures(std::span<const ImageView> images) {
  if (rect_ && images.size() > 1) {  // each picture has an input size of its own
    std::vector<ImageResult> results;
    for (const ImageView& image : images) results.push_back(std::move(run_pictures({&image, 1}).front()));
    return results;
  }
  std::vector<ImageResult> results(images.size());
  std::erase_if(prepared_, [&](const PreparedInput&) { return rect_; });
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
    options.multi_label = options.validation_masks = validation_;
    const double share = 1.0 / static_cast<double>(images.size());
    for (std::size_t n = 0; n < images.size(); ++n) {
      const trace::Range range("postprocess");
      watch.lap();
      auto objects =
          postprocess::postprocess(engines_[m].model(), heads, static_cast<int>(n), input.geometry[n], options).objects;
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
    if (object.model == reid_target_.model && object.class_id == reid_target_.class_id) persons.push_back(&object);
  Stopwatch watch;
  const auto most = static_cast<std::size_t>(reid_->shape().batch);
  for (std::size_t begin = 0; begin < persons.size(); begin += most) {
    const std::size_t count = std::min(most, persons.size() - begin);
    const auto slots = static_cast<std::int64_t>(reid_->dynamic() ? count : most);
    HostTensor input = HostTensor::zeros(DType::f32, {slots, 3, reid_->shape().height, reid_->shape().width});
    std::vector<bool> cropped(count);
    for (std::size_t i = 0; i < count; ++i)
      cropped[i] = preprocess::reid_crop_into(image, persons[begin + i]->box, input.view(), static_cast<int>(i));
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

std::unique_ptr<BatchRunner> make_cpu_runner(provision::EngineChoice choice, const Settings& settings,
                                             const PipelineOptions& options, std::vector<Fallback> fallbacks) {
  return std::make_unique<CpuRunner>(std::move(choice), settings, options, std::move(fallbacks));
}

}  // namespace peregrine::pipeline
