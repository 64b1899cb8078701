#include "predictor/gpu/gpu_runner.h"

#include <algorithm>
#include <array>
#include <exception>
#include <map>

#include "cuda/device.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "engine_cache/engine_cache.h"
#include "gpu_policy/transfer_log.h"
#include "predictor/class_filter.h"
#include "predictor/gpu/device_image_pool.h"
#include "predictor/gpu/gpu_reid.h"
#include "predictor/gpu/session_cache.h"

namespace peregrine::predictor {

namespace {

/// Where a batch is decoded to, and when.
struct Intake {
  DeviceImagePool frames;
  cuda::Event begun = cuda::Event::create_timing(), decoded = cuda::Event::create_timing();
};

/// Images on their way into device memory, or why there are none.
class GpuBatch final : public PreparedBatch {
 public:
  GpuBatch(std::vector<Frame> frames, const Intake& from) : PreparedBatch(std::move(frames)), intake(from) {}
  /// The files it is decoded from may go only then.
  ~GpuBatch() override {
    cuda::check_quietly(cuda::runtime().event_synchronize(intake.decoded.get()), "cudaEventSynchronize");
  }

  const Intake& intake;
  std::vector<DeviceImagePool::LoadedImage> loaded;
  std::vector<transfer_log::Transfer> transfers;
  std::exception_ptr failure;
};

engine_cache::EngineContext with_pool(engine_cache::EngineContext context, const cuda::MemoryPool& pool) {
  context.pool = &pool;
  return context;
}

class GpuRunner final : public BatchRunner {
 public:
  GpuRunner(engine_cache::EngineContext context, const Settings& settings, const PipelineOptions& options,
            MakeCpuRunner cpu);

  const RunInfo& info() const override { return info_; }
  const std::vector<ModelInfo>& models() const override { return models_; }
  bool decodes(std::span<const std::byte> file) const override {
    return file.size() > 2 && file[0] == std::byte{0xff} && file[1] == std::byte{0xd8};
  }
  std::unique_ptr<PreparedBatch> prepare(std::vector<Frame> frames) override;
  std::vector<RunnerResult> finish(PreparedBatch& batch) override;

 private:
  void decode(GpuBatch& batch, Intake& intake);
  std::vector<RunnerResult> run_on_gpu(const GpuBatch& batch);
  std::vector<RunnerResult> run_on_cpu(std::span<const Frame> frames);
  std::vector<ImageResult> run_images(std::span<const ImageView> images);
  std::vector<ImageResult> collect(const BatchSession& shape, std::span<const ImageView> images) const;

  cuda::MemoryPool pool_;  ///< of all engines; goes last
  engine_cache::EngineContext context_;
  bool strict_decode_;
  std::int64_t max_pixels_;
  RunInfo info_;
  std::vector<ModelInfo> models_;
  GpuPolicy policy_;
  MakeCpuRunner make_cpu_;
  std::unique_ptr<BatchRunner> cpu_;
  cuda::DeviceScope device_;
  cuda::Stream stream_ = cuda::Stream::create(), decode_stream_ = cuda::Stream::create();
  std::optional<decode::JpegDecoder> decoder_;
  std::array<Intake, 2> intakes_;  ///< one is filled while the other is read
  std::size_t filled_ = 0;
  SessionCache shapes_;
  std::unique_ptr<GpuReid> reid_;
};

GpuRunner::GpuRunner(engine_cache::EngineContext context, const Settings& settings,
                     const PipelineOptions& options, MakeCpuRunner cpu)
    : pool_(context.device.index),
      context_(with_pool(std::move(context), pool_)),
      strict_decode_(options.strict_decode),
      max_pixels_(options.max_pixels),
      info_{context_.builder->name(),
            to_string(context_.device) + " " + context_.device_name,
            context_.precision,
            {}},
      policy_(settings.force_gpu_only, context_.device, cuda::place_of),
      make_cpu_(std::move(cpu)),
      device_(context_.device.index),
      intakes_{Intake{DeviceImagePool(settings.batch, policy_, decoder_)},
               Intake{DeviceImagePool(settings.batch, policy_, decoder_)}},
      shapes_(context_, settings, options, policy_, stream_.get()) {
  models_ = shapes_.models();
  info_.precision = shapes_.precision();
  if (options.reid) {
    const Model model = engine_cache::open_model_expecting(*options.reid, {.task = Task::reid});
    require_reid(model.info());
    const auto finders =
        std::ranges::count_if(shapes_.reid_classes(), [](const auto& own) { return !own.empty(); });
    const int most_persons = settings.batch * settings.max_det * static_cast<int>(finders);
    reid_ = std::make_unique<GpuReid>(model, context_, most_persons);
    reid_->check_bindings(policy_);
    models_.push_back(model.info());
  }
}

std::unique_ptr<PreparedBatch> GpuRunner::prepare(std::vector<Frame> frames) {
  filled_ ^= 1;
  Intake& intake = intakes_[filled_];
  auto batch = std::make_unique<GpuBatch>(std::move(frames), intake);
  try {
    in_step("decode", [&] { decode(*batch, intake); });
  } catch (...) {
    batch->failure = std::current_exception();
    // What was begun still reads the batch's files: its end waits for that too.
    cuda::check_quietly(cuda::runtime().event_record(intake.decoded.get(), decode_stream_.get()),
                        "cudaEventRecord");
  }
  return batch;
}

/// Waits for nothing: finish() does, on the device.
void GpuRunner::decode(GpuBatch& batch, Intake& intake) {
  const cuda::DeviceScope scope(policy_.expected().index);
  const transfer_log::Recording recording;
  intake.begun.record(decode_stream_.get());
  batch.loaded = intake.frames.load(batch.frames(), strict_decode_, max_pixels_, decode_stream_.get());
  intake.decoded.record(decode_stream_.get());
  batch.transfers = recording.transfers();
}

std::vector<RunnerResult> GpuRunner::finish(PreparedBatch& batch) {
  auto outcomes = policy_.run(
      "pipeline", [&] { return run_on_gpu(static_cast<const GpuBatch&>(batch)); },
      [&] { return run_on_cpu(batch.frames()); });
  info_.fallbacks = policy_.fallbacks();
  return outcomes;
}

std::vector<RunnerResult> GpuRunner::run_on_cpu(std::span<const Frame> frames) {
  if (!cpu_) cpu_ = make_cpu_(policy_.fallbacks());
  return cpu_->run(frames);
}

std::vector<RunnerResult> GpuRunner::run_on_gpu(const GpuBatch& batch) {
  if (batch.failure) std::rethrow_exception(batch.failure);
  const cuda::DeviceScope scope(policy_.expected().index);
  const transfer_log::Recording recording;
  std::vector<ImageView> images;
  for (const auto& frame : batch.loaded)
    if (!frame.error) images.push_back(frame.view);
  std::vector<ImageResult> results;
  double decode_ms = 0;
  if (!images.empty()) {
    cuda::wait(stream_.get(), batch.intake.decoded);
    results = run_images(images);
    decode_ms = batch.intake.decoded.milliseconds_since(batch.intake.begun);
    std::vector<transfer_log::Transfer> transfers = batch.transfers;
    transfers.insert(transfers.end(), recording.transfers().begin(), recording.transfers().end());
    for (const auto& transfer : transfers)
      (transfer.direction == transfer_log::Direction::host_to_device ? results[0].host_to_device
                                                                     : results[0].device_to_host)
          .push_back({transfer.name, transfer.bytes});
  }
  std::vector<RunnerResult> outcomes(batch.loaded.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const DeviceImagePool::LoadedImage& loaded = batch.loaded[i];
    if (loaded.error) {
      outcomes[i].error = loaded.error;
      continue;
    }
    outcomes[i].result = std::move(results[next++]);
    outcomes[i].result->host_decoded = loaded.host_decoded;
    outcomes[i].result->time_ms.decode = decode_ms / static_cast<double>(images.size());
  }
  return outcomes;
}

std::vector<ImageResult> GpuRunner::run_images(std::span<const ImageView> images) {
  // Images of one input size share a batch; without --rect that is all of them.
  std::map<SessionCache::Sizes, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < images.size(); ++i) groups[shapes_.sizes_for(images[i])].push_back(i);
  std::vector<ImageResult> results(images.size());
  for (const auto& [sizes, members] : groups) {
    std::vector<ImageView> together;
    for (const std::size_t i : members) together.push_back(images[i]);
    BatchSession& shape = shapes_.at(sizes);
    const auto geometry_of = [&](const ImageView& image, std::size_t model) {
      return shapes_.geometry(image, model);
    };
    const StageTimes spent = shape.run(together, geometry_of, {reid_.get(), shapes_.reid_classes()});
    auto found = collect(shape, together);
    const double share = 1.0 / static_cast<double>(members.size());
    for (std::size_t k = 0; k < members.size(); ++k) {
      ImageResult& result = results[members[k]] = std::move(found[k]);
      result.time_ms = {0, spent.preprocess * share, spent.inference * share, spent.postprocess * share};
    }
  }
  return results;
}

std::vector<ImageResult> GpuRunner::collect(const BatchSession& shape,
                                            std::span<const ImageView> images) const {
  std::vector<ImageResult> results(images.size());
  const std::size_t detectors = models_.size() - (reid_ ? 1 : 0);
  const ClassesByModel& embedded = shapes_.reid_classes();
  const int image_count = static_cast<int>(images.size());
  std::vector<int> first_person(detectors);  // of each model, in the one list of all
  for (std::size_t m = 1; reid_ && m < detectors; ++m)
    first_person[m] = first_person[m - 1] + shape.detector(m - 1).crop_count(image_count, embedded[m - 1]);
  for (std::size_t n = 0; n < images.size(); ++n) {
    const int image_index = static_cast<int>(n);
    ImageResult& result = results[n];
    result.width = images[n].width;
    result.height = images[n].height;
    for (std::size_t m = 0; m < detectors; ++m) {
      auto objects = shape.objects(m, image_index);
      const auto places =
          reid_ ? shape.detector(m).crop_places(image_index, embedded[m]) : std::vector<int>{};
      for (std::size_t i = 0; i < objects.size(); ++i) {
        objects[i].model = static_cast<int>(m);
        if (reid_ && places[i] >= 0) objects[i].embedding = reid_->embedding(first_person[m] + places[i]);
        result.objects.push_back(std::move(objects[i]));
      }
    }
    std::ranges::stable_sort(result.objects, std::ranges::greater{}, &Object::confidence);
  }
  return results;
}

}  // namespace

std::unique_ptr<BatchRunner> make_gpu_runner(engine_cache::EngineContext context, const Settings& settings,
                                             const PipelineOptions& options, MakeCpuRunner cpu) {
  return std::make_unique<GpuRunner>(std::move(context), settings, options, std::move(cpu));
}

}  // namespace peregrine::predictor
