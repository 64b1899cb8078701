#include "pipeline/gpu_runner.h"

#include <algorithm>
#include <map>

#include "base/cuda/device.h"
#include "base/cuda/stream.h"
#include "base/ledger.h"
#include "pipeline/class_filter.h"
#include "pipeline/gpu_frames.h"
#include "pipeline/gpu_reid.h"
#include "pipeline/gpu_shapes.h"
#include "provision/provision.h"

namespace peregrine::pipeline {

namespace {

class GpuRunner final : public BatchRunner {
 public:
  GpuRunner(provision::EngineChoice choice, const Settings& settings, const PipelineOptions& options,
            std::function<std::unique_ptr<BatchRunner>()> cpu);

  const RunInfo& info() const override { return info_; }
  const std::vector<ModelInfo>& models() const override { return models_; }
  bool decodes(std::span<const std::byte> file) const override {
    return file.size() > 2 && file[0] == std::byte{0xff} && file[1] == std::byte{0xd8};
  }
  std::vector<FrameOutcome> run(std::span<const Frame> frames) override;

 private:
  std::vector<FrameOutcome> run_on_gpu(std::span<const Frame> frames);
  std::vector<FrameOutcome> run_on_cpu(std::span<const Frame> frames);
  std::vector<ImageResult> run_pictures(std::span<const ImageView> images);
  std::vector<ImageResult> collect(const GpuShape& shape, std::span<const ImageView> images) const;

  provision::EngineChoice choice_;
  bool strict_decode_;
  std::int64_t max_pixels_;
  RunInfo info_;
  std::vector<ModelInfo> models_;
  PlacementGuard guard_;
  std::function<std::unique_ptr<BatchRunner>()> make_cpu_;
  std::unique_ptr<BatchRunner> cpu_;
  cuda::DeviceScope device_;
  cuda::Stream stream_ = cuda::Stream::create();
  cuda::Event before_ = cuda::Event::create_timing(), decoded_ = cuda::Event::create_timing(),
              done_ = cuda::Event::create_timing();
  GpuFrames frames_;
  GpuShapes shapes_;
  std::unique_ptr<GpuReid> reid_;
  ReidTarget reid_target_;
};

GpuRunner::GpuRunner(provision::EngineChoice choice, const Settings& settings, const PipelineOptions& options,
                     std::function<std::unique_ptr<BatchRunner>()> cpu)
    : choice_(std::move(choice)),
      strict_decode_(options.strict_decode),
      max_pixels_(options.max_pixels),
      info_{choice_.builder->name(), to_string(choice_.device) + " " + choice_.device_name, choice_.precision, {}},
      guard_(settings.force_gpu_only, choice_.device, cuda::place_of),
      make_cpu_(std::move(cpu)),
      device_(choice_.device.index),
      frames_(settings.batch, guard_),
      shapes_(choice_, settings, options, guard_, stream_.get()) {
  models_ = shapes_.models();
  info_.precision = shapes_.precision();
  require_known_classes(models_, options.classes);
  if (options.reid) {
    const Model model = provision::open_model(*options.reid);
    reid_target_ = find_reid_target(models_, options.reid_class);
    reid_ = std::make_unique<GpuReid>(model, choice_, settings.batch * settings.max_det);
    reid_->guard_bindings(guard_);
    models_.push_back(model.info());
  }
}

std::vector<FrameOutcome> GpuRunner::run(std::span<const Frame> frames) {
  auto outcomes = guard_.run(
      "pipeline", [&] { return run_on_gpu(frames); }, [&] { return run_on_cpu(frames); });
  info_.fallbacks = guard_.fallbacks();
  return outcomes;
}

std::vector<FrameOutcome> GpuRunner::run_on_cpu(std::span<const Frame> frames) {
  if (!cpu_) cpu_ = make_cpu_();
  return cpu_->run(frames);
}

std::vector<FrameOutcome> GpuRunner::run_on_gpu(std::span<const Frame> frames) {
  const cuda::DeviceScope scope(guard_.expected().index);
  const ledger::Recording recording;
  before_.record(stream_.get());
  const auto loaded = frames_.load(frames, strict_decode_, max_pixels_, stream_.get());
  decoded_.record(stream_.get());
  std::vector<ImageView> images;
  for (const auto& frame : loaded)
    if (!frame.error) images.push_back(frame.view);
  std::vector<ImageResult> results;
  if (!images.empty()) {
    results = run_pictures(images);
    for (const auto& transfer : recording.transfers())
      (transfer.direction == ledger::Direction::host_to_device ? results[0].host_to_device : results[0].device_to_host)
          .push_back({transfer.name, transfer.bytes});
  }
  std::vector<FrameOutcome> outcomes(frames.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (loaded[i].error) {
      outcomes[i].error = loaded[i].error;
      continue;
    }
    outcomes[i].result = std::move(results[next++]);
    outcomes[i].result->host_decoded = loaded[i].host_decoded;
  }
  return outcomes;
}

std::vector<ImageResult> GpuRunner::run_pictures(std::span<const ImageView> images) {
  // Pictures of one input size share a batch; without --rect that is all of them.
  std::map<GpuShapes::Sizes, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < images.size(); ++i) groups[shapes_.sizes_for(images[i])].push_back(i);
  std::vector<ImageResult> results(images.size());
  for (const auto& [sizes, members] : groups) {
    std::vector<ImageView> together;
    for (const std::size_t i : members) together.push_back(images[i]);
    GpuShape& shape = shapes_.at(sizes);
    const auto geometry_of = [&](const ImageView& image, std::size_t model) { return shapes_.geometry(image, model); };
    shape.run(together, geometry_of, reid_.get(), reid_target_);
    auto found = collect(shape, together);
    for (std::size_t k = 0; k < members.size(); ++k) results[members[k]] = std::move(found[k]);
  }
  done_.record(stream_.get());
  done_.synchronize();
  const double share = 1.0 / static_cast<double>(images.size());
  for (ImageResult& result : results) {
    result.time_ms.decode = decoded_.milliseconds_since(before_) * share;
    result.time_ms.inference = done_.milliseconds_since(decoded_) * share;
  }
  return results;
}

std::vector<ImageResult> GpuRunner::collect(const GpuShape& shape, std::span<const ImageView> images) const {
  std::vector<ImageResult> results(images.size());
  const std::size_t detectors = models_.size() - (reid_ ? 1 : 0);
  for (std::size_t n = 0; n < images.size(); ++n) {
    const int picture = static_cast<int>(n);
    ImageResult& result = results[n];
    result.width = images[n].width;
    result.height = images[n].height;
    for (std::size_t m = 0; m < detectors; ++m) {
      auto objects = shape.objects(m, picture);
      const bool embedded = reid_ && reid_target_.model == static_cast<int>(m);
      const auto places = embedded ? shape.detector(m).crop_places(picture, reid_target_.class_id) : std::vector<int>{};
      for (std::size_t i = 0; i < objects.size(); ++i) {
        objects[i].model = static_cast<int>(m);
        if (embedded && places[i] >= 0) objects[i].embedding = reid_->embedding(places[i]);
        result.objects.push_back(std::move(objects[i]));
      }
    }
    std::ranges::stable_sort(result.objects, std::ranges::greater{}, &Object::confidence);
  }
  return results;
}

}  // namespace

std::unique_ptr<BatchRunner> make_gpu_runner(provision::EngineChoice choice, const Settings& settings,
                                             const PipelineOptions& options, std::function<std::unique_ptr<BatchRunner>()> cpu) {
  return std::make_unique<GpuRunner>(std::move(choice), settings, options, std::move(cpu));
}

}  // namespace peregrine::pipeline
