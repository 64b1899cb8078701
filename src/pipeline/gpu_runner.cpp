#include "pipeline/gpu_runner.h"

#include <algorithm>
#include <array>
#include <exception>
#include <map>

#include "base/cuda/device.h"
#include "base/cuda/memory.h"
#include "base/cuda/stream.h"
#include "base/ledger.h"
#include "pipeline/class_filter.h"
#include "pipeline/gpu_frames.h"
#include "pipeline/gpu_reid.h"
#include "pipeline/gpu_shapes.h"
#include "provision/provision.h"

namespace peregrine::pipeline {

namespace {

/// Where a batch is decoded to, and when.
struct Intake {
  GpuFrames frames;
  cuda::Event begun = cuda::Event::create_timing(), decoded = cuda::Event::create_timing();
};

/// Pictures on their way into device memory, or why there are none.
class GpuBatch final : public PreparedBatch {
 public:
  GpuBatch(std::vector<Frame> frames, const Intake& from) : PreparedBatch(std::move(frames)), intake(from) {}
  /// The files it is decoded from may go only then.
  ~GpuBatch() override { cuda::check_quietly(cuda::runtime().event_synchronize(intake.decoded.get()), "cudaEventSynchronize"); }

  const Intake& intake;
  std::vector<GpuFrames::Loaded> loaded;
  std::vector<ledger::Transfer> transfers;
  std::exception_ptr failure;
};

provision::EngineChoice with_pool(provision::EngineChoice choice, const cuda::MemoryPool& pool) {
  choice.pool = &pool;
  return choice;
}

class GpuRunner final : public BatchRunner {
 public:
  GpuRunner(provision::EngineChoice choice, const Settings& settings, const PipelineOptions& options, MakeCpuRunner cpu);

  const RunInfo& info() const override { return info_; }
  const std::vector<ModelInfo>& models() const override { return models_; }
  bool decodes(std::span<const std::byte> file) const override {
    return file.size() > 2 && file[0] == std::byte{0xff} && file[1] == std::byte{0xd8};
  }
  std::unique_ptr<PreparedBatch> prepare(std::vector<Frame> frames) override;
  std::vector<FrameOutcome> finish(PreparedBatch& batch) override;

 private:
  void decode(GpuBatch& batch, Intake& intake);
  std::vector<FrameOutcome> run_on_gpu(const GpuBatch& batch);
  std::vector<FrameOutcome> run_on_cpu(std::span<const Frame> frames);
  std::vector<ImageResult> run_pictures(std::span<const ImageView> images);
  std::vector<ImageResult> collect(const GpuShape& shape, std::span<const ImageView> images) const;

  cuda::MemoryPool pool_;  ///< of all engines; goes last
  provision::EngineChoice choice_;
  bool strict_decode_;
  std::int64_t max_pixels_;
  RunInfo info_;
  std::vector<ModelInfo> models_;
  PlacementGuard guard_;
  MakeCpuRunner make_cpu_;
  std::unique_ptr<BatchRunner> cpu_;
  cuda::DeviceScope device_;
  cuda::Stream stream_ = cuda::Stream::create(), decode_stream_ = cuda::Stream::create();
  std::optional<decode::JpegDecoder> decoder_;
  std::array<Intake, 2> intakes_;  ///< one is filled while the other is read
  std::size_t filled_ = 0;
  GpuShapes shapes_;
  std::unique_ptr<GpuReid> reid_;
};

GpuRunner::GpuRunner(provision::EngineChoice choice, const Settings& settings, const PipelineOptions& options, MakeCpuRunner cpu)
    : pool_(choice.device.index),
      choice_(with_pool(std::move(choice), pool_)),
      strict_decode_(options.strict_decode),
      max_pixels_(options.max_pixels),
      info_{choice_.builder->name(), to_string(choice_.device) + " " + choice_.device_name, choice_.precision, {}},
      guard_(settings.force_gpu_only, choice_.device, cuda::place_of),
      make_cpu_(std::move(cpu)),
      device_(choice_.device.index),
      intakes_{Intake{GpuFrames(settings.batch, guard_, decoder_)}, Intake{GpuFrames(settings.batch, guard_, decoder_)}},
      shapes_(choice_, settings, options, guard_, stream_.get()) {
  models_ = shapes_.models();
  info_.precision = shapes_.precision();
  if (options.reid) {
    const Model model = provision::open_model_expecting(*options.reid, {.task = Task::reid});
    require_reid(model.info());
    const auto finders = std::ranges::count_if(shapes_.reid_classes(), [](const auto& own) { return !own.empty(); });
    const int most_persons = settings.batch * settings.max_det * static_cast<int>(finders);
    reid_ = std::make_unique<GpuReid>(model, choice_, most_persons);
    reid_->guard_bindings(guard_);
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
    cuda::check_quietly(cuda::runtime().event_record(intake.decoded.get(), decode_stream_.get()), "cudaEventRecord");
  }
  return batch;
}

/// Waits for nothing: finish() does, on the device.
void GpuRunner::decode(GpuBatch& batch, Intake& intake) {
  const cuda::DeviceScope scope(guard_.expected().index);
  const ledger::Recording recording;
  intake.begun.record(decode_stream_.get());
  batch.loaded = intake.frames.load(batch.frames(), strict_decode_, max_pixels_, decode_stream_.get());
  intake.decoded.record(decode_stream_.get());
  batch.transfers = recording.transfers();
}

std::vector<FrameOutcome> GpuRunner::finish(PreparedBatch& batch) {
  auto outcomes = guard_.run(
      "pipeline", [&] { return run_on_gpu(static_cast<const GpuBatch&>(batch)); }, [&] { return run_on_cpu(batch.frames()); });
  info_.fallbacks = guard_.fallbacks();
  return outcomes;
}

std::vector<FrameOutcome> GpuRunner::run_on_cpu(std::span<const Frame> frames) {
  if (!cpu_) cpu_ = make_cpu_(guard_.fallbacks());
  return cpu_->run(frames);
}

std::vector<FrameOutcome> GpuRunner::run_on_gpu(const GpuBatch& batch) {
  if (batch.failure) std::rethrow_exception(batch.failure);
  const cuda::DeviceScope scope(guard_.expected().index);
  const ledger::Recording recording;
  std::vector<ImageView> images;
  for (const auto& frame : batch.loaded)
    if (!frame.error) images.push_back(frame.view);
  std::vector<ImageResult> results;
  double decode_ms = 0;
  if (!images.empty()) {
    cuda::wait(stream_.get(), batch.intake.decoded);
    results = run_pictures(images);
    decode_ms = batch.intake.decoded.milliseconds_since(batch.intake.begun);
    std::vector<ledger::Transfer> transfers = batch.transfers;
    transfers.insert(transfers.end(), recording.transfers().begin(), recording.transfers().end());
    for (const auto& transfer : transfers)
      (transfer.direction == ledger::Direction::host_to_device ? results[0].host_to_device : results[0].device_to_host)
          .push_back({transfer.name, transfer.bytes});
  }
  std::vector<FrameOutcome> outcomes(batch.loaded.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const GpuFrames::Loaded& loaded = batch.loaded[i];
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

std::vector<ImageResult> GpuRunner::collect(const GpuShape& shape, std::span<const ImageView> images) const {
  std::vector<ImageResult> results(images.size());
  const std::size_t detectors = models_.size() - (reid_ ? 1 : 0);
  const ClassesByModel& embedded = shapes_.reid_classes();
  const int pictures = static_cast<int>(images.size());
  std::vector<int> first_person(detectors);  // of each model, in the one list of all
  for (std::size_t m = 1; reid_ && m < detectors; ++m)
    first_person[m] = first_person[m - 1] + shape.detector(m - 1).crop_count(pictures, embedded[m - 1]);
  for (std::size_t n = 0; n < images.size(); ++n) {
    const int picture = static_cast<int>(n);
    ImageResult& result = results[n];
    result.width = images[n].width;
    result.height = images[n].height;
    for (std::size_t m = 0; m < detectors; ++m) {
      auto objects = shape.objects(m, picture);
      const auto places = reid_ ? shape.detector(m).crop_places(picture, embedded[m]) : std::vector<int>{};
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

std::unique_ptr<BatchRunner> make_gpu_runner(provision::EngineChoice choice, const Settings& settings,
                                             const PipelineOptions& options, MakeCpuRunner cpu) {
  return std::make_unique<GpuRunner>(std::move(choice), settings, options, std::move(cpu));
}

}  // namespace peregrine::pipeline
