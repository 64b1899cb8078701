#include "pipeline/gpu_runner.h"

#include <algorithm>
#include <map>

#include "base/cuda/device.h"
#include "base/cuda/graph.h"
#include "base/cuda/stream.h"
#include "base/ledger.h"
#include "pipeline/class_filter.h"
#include "pipeline/gpu_frames.h"
#include "pipeline/gpu_reid.h"
#include "pipeline/model_engine.h"
#include "preprocess/letterbox.h"

namespace peregrine::pipeline {

namespace {

using preprocess::Picture;

/// What all models of one input size share: the letterboxed batch, and the descriptors that tell where its pictures lie.
struct Input {
  cuda::DeviceBuffer memory, descriptors;
  cuda::PinnedBuffer staged;
  TensorView view;

  Picture* host() const { return reinterpret_cast<Picture*>(staged.data()); }
  const Picture* device() const { return reinterpret_cast<const Picture*>(descriptors.data()); }
  postprocess::DeviceGeometries geometries() const { return {&device()->geometry, sizeof(Picture)}; }
};

/// A detector, the input it reads, and the stream of its branch.
struct Branch {
  std::unique_ptr<GpuDetector> detector;
  std::size_t input = 0;
  cuda::Stream stream;
  cuda::Event done;
};

class GpuRunner final : public BatchRunner {
 public:
  GpuRunner(EngineChoice choice, const Settings& settings, const PipelineOptions& options,
            std::function<std::unique_ptr<BatchRunner>()> cpu);

  const RunInfo& info() const override { return info_; }
  const std::vector<ModelInfo>& models() const override { return models_; }
  bool decodes(std::span<const std::byte> file) const override {
    return file.size() > 2 && file[0] == std::byte{0xff} && file[1] == std::byte{0xd8};
  }
  std::vector<FrameOutcome> run(std::span<const Frame> frames) override;

 private:
  void add_model(const Model& model, const EngineChoice& choice, const PipelineOptions& options);
  std::size_t input_for(const GpuEngine& engine);
  std::vector<FrameOutcome> run_on_gpu(std::span<const Frame> frames);
  std::vector<FrameOutcome> run_on_cpu(std::span<const Frame> frames);
  void describe(const std::vector<ImageView>& images);
  void enqueue(int pictures);
  void run_recorded(int pictures);
  std::vector<ImageResult> collect(const std::vector<ImageView>& images);

  Settings settings_;
  bool strict_decode_, validation_;
  std::int64_t max_pixels_;
  RunInfo info_;
  std::vector<ModelInfo> models_;
  PlacementGuard guard_;
  std::function<std::unique_ptr<BatchRunner>()> make_cpu_;
  std::unique_ptr<BatchRunner> cpu_;
  cuda::DeviceScope device_;
  cuda::Stream stream_ = cuda::Stream::create();
  cuda::Event forked_ = cuda::Event::create();
  cuda::Event before_ = cuda::Event::create_timing(), decoded_ = cuda::Event::create_timing(),
              done_ = cuda::Event::create_timing();
  GpuFrames frames_;
  std::vector<Input> inputs_;
  std::vector<Branch> branches_;
  std::unique_ptr<GpuReid> reid_;
  ReidTarget reid_target_;
  std::map<int, cuda::Graph> graphs_;  ///< by number of pictures
};

postprocess::Options postprocess_options(const Settings& settings, const ModelInfo& model, const PipelineOptions& options) {
  postprocess::Options wanted;
  wanted.confidence = settings.model_confidence_threshold;
  wanted.iou = settings.iou;
  wanted.max_detections = settings.max_det;
  wanted.classes = resolve_classes(model, options.classes);
  wanted.multi_label = wanted.validation_masks = options.validation;
  return wanted;
}

GpuRunner::GpuRunner(EngineChoice choice, const Settings& settings, const PipelineOptions& options,
                     std::function<std::unique_ptr<BatchRunner>()> cpu)
    : settings_(settings),
      strict_decode_(options.strict_decode),
      validation_(options.validation),
      max_pixels_(options.max_pixels),
      info_{choice.builder->name(), to_string(choice.device) + " " + choice.device_name, choice.precision, {}},
      guard_(settings.force_gpu_only, choice.device, cuda::place_of),
      make_cpu_(std::move(cpu)),
      device_(choice.device.index),
      frames_(settings.batch) {
  if (options.rect)
    throw Error("usage.rect", "--rect is not there yet on the GPU.", "Leave it out, or run it on the CPU engine.");
  for (const auto& path : options.models) add_model(load_model(path), choice, options);
  require_known_classes(models_, options.classes);
  if (options.reid) {
    const Model model = load_model(*options.reid);
    reid_target_ = find_reid_target(models_, options.reid_class);
    reid_ = std::make_unique<GpuReid>(model, choice, settings.batch * settings.max_det);
    reid_->guard_bindings(guard_);
    models_.push_back(model.info());
  }
}

void GpuRunner::add_model(const Model& model, const EngineChoice& choice, const PipelineOptions& options) {
  require_detector(model.info());
  const InputShape shape = input_shape(model.info(), settings_.imgsz, settings_.batch);
  Branch branch;
  branch.detector = std::make_unique<GpuDetector>(model, choice, shape, postprocess_options(settings_, model.info(), options));
  branch.input = input_for(branch.detector->engine());
  branch.stream = cuda::Stream::create();
  branch.done = cuda::Event::create();
  branch.detector->engine().guard_bindings(guard_, inputs_[branch.input].view);
  info_.precision = branch.detector->engine().precision();
  models_.push_back(model.info());
  branches_.push_back(std::move(branch));
}

std::size_t GpuRunner::input_for(const GpuEngine& engine) {
  const Binding& binding = engine.input();
  const auto same = [&](const Input& input) {
    return input.view.shape == binding.shape && input.view.strides == binding.strides && input.view.dtype == binding.dtype;
  };
  if (const auto found = std::ranges::find_if(inputs_, same); found != inputs_.end())
    return static_cast<std::size_t>(found - inputs_.begin());
  Input input;
  input.memory = cuda::DeviceBuffer(engine.input_bytes(), "input of " + engine.model().name);
  cuda::fill(input.memory.data(), 0, input.memory.bytes(), stream_.get());  // padding channels stay zero
  input.view = {input.memory.data(), binding.dtype, binding.device, binding.shape, binding.strides};
  const std::size_t bytes = sizeof(Picture) * static_cast<std::size_t>(settings_.batch);
  input.descriptors = cuda::DeviceBuffer(bytes, "picture descriptors");
  input.staged = cuda::PinnedBuffer(bytes, "picture descriptors");
  inputs_.push_back(std::move(input));
  return inputs_.size() - 1;
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
    describe(images);
    run_recorded(static_cast<int>(images.size()));
    results = collect(images);
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

void GpuRunner::describe(const std::vector<ImageView>& images) {
  for (Input& input : inputs_)
    for (std::size_t n = 0; n < images.size(); ++n) {
      const ImageView& image = images[n];
      const auto width = static_cast<int>(input.view.shape[3]), height = static_cast<int>(input.view.shape[2]);
      input.host()[n] = {image.data, image.pitch, image.order,
                         validation_ ? preprocess::letterbox_validation(image.width, image.height, width)
                                     : preprocess::letterbox(image.width, image.height, width, height)};
    }
}

void GpuRunner::enqueue(int pictures) {
  for (Input& input : inputs_) {
    cuda::copy_to_device("picture descriptors", input.descriptors.data(), input.staged.data(),
                         sizeof(Picture) * static_cast<std::size_t>(pictures), stream_.get());
    preprocess::letterbox_batch(input.device(), pictures, input.view, stream_.get());
  }
  forked_.record(stream_.get());
  for (std::size_t b = 0; b < branches_.size(); ++b) {
    Branch& branch = branches_[b];
    const Input& input = inputs_[branch.input];
    // The first branch stays on the main stream; the others run beside it.
    const cudaStream_t stream = b == 0 ? stream_.get() : branch.stream.get();
    if (b > 0) cuda::wait(stream, forked_);
    branch.detector->enqueue(input.view, input.geometries(), pictures, stream);
    if (reid_ && reid_target_.model == static_cast<int>(b))
      branch.detector->gather_crops(pictures, reid_target_.class_id, reid_->crops(), reid_->count(), stream);
    if (b > 0) branch.done.record(stream);
  }
  for (std::size_t b = 1; b < branches_.size(); ++b) cuda::wait(stream_.get(), branches_[b].done);
}

void GpuRunner::run_recorded(int pictures) {
  for (bool again = true; again;) {
    auto graph = graphs_.find(pictures);
    if (graph == graphs_.end()) {
      stream_.synchronize();
      graph = graphs_.emplace(pictures, cuda::Graph::capture(stream_.get(), [&] { enqueue(pictures); })).first;
    }
    graph->second.launch(stream_.get());
    stream_.synchronize();
    again = false;
    for (Branch& branch : branches_) again = branch.detector->grow_if_needed(pictures) || again;
    if (again) graphs_.clear();  // they hold the addresses of what has grown
  }
  if (reid_) reid_->enqueue(inputs_.front().device(), stream_.get());
  done_.record(stream_.get());
  stream_.synchronize();
}

std::vector<ImageResult> GpuRunner::collect(const std::vector<ImageView>& images) {
  const int pictures = static_cast<int>(images.size());
  std::vector<ImageResult> results(images.size());
  for (const Branch& branch : branches_)
    ledger::record("results", ledger::Direction::device_to_host, branch.detector->record_bytes(pictures));
  const double share = 1.0 / pictures;
  for (int n = 0; n < pictures; ++n) {
    ImageResult& result = results[static_cast<std::size_t>(n)];
    result.width = images[static_cast<std::size_t>(n)].width;
    result.height = images[static_cast<std::size_t>(n)].height;
    result.time_ms.decode = decoded_.milliseconds_since(before_) * share;
    result.time_ms.inference = done_.milliseconds_since(decoded_) * share;
    for (std::size_t b = 0; b < branches_.size(); ++b) {
      const Branch& branch = branches_[b];
      auto objects = branch.detector->read(n, inputs_[branch.input].host()[n].geometry).objects;
      const bool embedded = reid_ && reid_target_.model == static_cast<int>(b);
      const auto places = embedded ? branch.detector->crop_places(n, reid_target_.class_id) : std::vector<int>{};
      for (std::size_t i = 0; i < objects.size(); ++i) {
        objects[i].model = static_cast<int>(b);
        if (embedded && places[i] >= 0) objects[i].embedding = reid_->embedding(places[i]);
        result.objects.push_back(std::move(objects[i]));
      }
    }
    std::ranges::stable_sort(result.objects, std::ranges::greater{}, &Object::confidence);
  }
  return results;
}

}  // namespace

std::unique_ptr<BatchRunner> make_gpu_runner(EngineChoice choice, const Settings& settings, const PipelineOptions& options,
                                             std::function<std::unique_ptr<BatchRunner>()> cpu) {
  return std::make_unique<GpuRunner>(std::move(choice), settings, options, std::move(cpu));
}

}  // namespace peregrine::pipeline
