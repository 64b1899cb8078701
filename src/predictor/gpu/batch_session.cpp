#include "predictor/gpu/batch_session.h"

#include <algorithm>

#include "gpu_policy/transfer_log.h"

namespace peregrine::predictor {

using preprocess::InputImage;

void BatchSession::add(std::unique_ptr<GpuDetector> detector) {
  Branch branch;
  branch.detector = std::move(detector);
  branch.input = input_for(branch.detector->engine());
  branch.stream = cuda::Stream::create();
  branch.inferred = cuda::Event::create_timing();
  branch.done = cuda::Event::create();
  branch.detector->engine().check_bindings(policy_, inputs_[branch.input].view);
  branches_.push_back(std::move(branch));
}

std::size_t BatchSession::input_for(const GpuEngine& engine) {
  const Binding& binding = engine.input();
  const auto same = [&](const Input& input) {
    return input.view.shape == binding.shape && input.view.strides == binding.strides &&
           input.view.dtype == binding.dtype;
  };
  if (const auto found = std::ranges::find_if(inputs_, same); found != inputs_.end())
    return static_cast<std::size_t>(found - inputs_.begin());
  Input input;
  input.memory = cuda::DeviceBuffer(engine.input_bytes(), "input of " + engine.model().name);
  cuda::fill(input.memory.data(), 0, input.memory.bytes(), stream_);  // padding channels stay zero
  input.view = {input.memory.data(), binding.dtype, binding.device, binding.shape, binding.strides};
  const auto images = static_cast<std::size_t>(batch_);
  input.descriptors = cuda::DeviceArray<InputImage>(images, "image descriptors");
  input.staged = cuda::PinnedArray<InputImage>(images, "image descriptors");
  inputs_.push_back(std::move(input));
  return inputs_.size() - 1;
}

StageTimes BatchSession::run(std::span<const ImageView> images, const GeometryOf& geometry_of,
                             const Persons& persons) {
  const int image_count = static_cast<int>(images.size());
  for (const Branch& branch : branches_) branch.detector->check_batch(policy_, inputs_[branch.input].view);
  if (persons.reid) persons.reid->check_batch(policy_);
  describe(images, geometry_of);
  run_recorded(image_count, persons);
  for (const Branch& branch : branches_)
    transfer_log::record("results", transfer_log::Direction::device_to_host,
                         branch.detector->record_bytes(image_count));
  StageTimes spent = times();
  if (!persons.reid) return spent;
  persons.reid->record_transfers();
  spent.inference += embedded_.milliseconds_since(finished_);
  return spent;
}

StageTimes BatchSession::times() const {
  StageTimes spent;
  spent.preprocess = preprocessed_.milliseconds_since(begun_);
  for (const Branch& branch : branches_)  // side by side: the last one counts
    spent.inference = std::max<double>(spent.inference, branch.inferred.milliseconds_since(preprocessed_));
  spent.postprocess = std::max(0.0, finished_.milliseconds_since(preprocessed_) - spent.inference);
  return spent;
}

std::string BatchSession::inference(const GpuReid* reid) const {
  std::string names;
  for (const Branch& branch : branches_)
    names += (names.empty() ? "inference " : ", ") + branch.detector->model().name;
  return reid ? names + ", " + reid->model().name : names;
}

void BatchSession::describe(std::span<const ImageView> images, const GeometryOf& geometry_of) {
  for (std::size_t b = 0; b < branches_.size(); ++b)
    for (std::size_t n = 0; n < images.size(); ++n) {
      const ImageView& image = images[n];
      inputs_[branches_[b].input].staged[n] = {image.data, image.pitch, image.order, geometry_of(image, b)};
    }
}

void BatchSession::enqueue(int image_count, const Persons& persons, const Way& way) {
  const auto mark = [&](const cuda::Event& event, cudaStream_t stream) {
    way.captured ? event.record_in_graph(stream) : event.record(stream);
  };
  in_step("preprocess", [&] {
    for (const Input& input : inputs_) {
      cuda::copy_to_device("image descriptors", input.descriptors,
                           input.staged.first(static_cast<std::size_t>(image_count)), stream_);
      preprocess::letterbox_batch(input.descriptors.data(), image_count, input.view, stream_);
    }
    mark(preprocessed_, stream_);
  });
  forked_.record(stream_);
  for (std::size_t b = 0; b < branches_.size(); ++b) {
    const Branch& branch = branches_[b];
    const Input& input = inputs_[branch.input];
    // The first branch stays on the main stream; the others run beside it.
    const cudaStream_t stream = b == 0 ? stream_ : branch.stream.get();
    if (b > 0) cuda::wait(stream, forked_);
    in_step("inference " + branch.detector->model().name, [&] {
      branch.detector->engine().enqueue(input.view, stream);
      mark(branch.inferred, stream);
    });
    in_step("postprocess", [&] {
      branch.detector->enqueue_postprocess(input.geometries(), image_count, stream);
      if (b > 0) branch.done.record(stream);
    });
  }
  for (std::size_t b = 1; b < branches_.size(); ++b) cuda::wait(stream_, branches_[b].done);
  if (persons.reid) in_step("postprocess", [&] { gather(image_count, persons); });
  mark(finished_, stream_);
  if (!way.reid) return;
  in_step("reid", [&] {
    persons.reid->capture(inputs_.front().descriptors.data(), stream_);
    mark(embedded_, stream_);
  });
}

void BatchSession::gather(int image_count, const Persons& persons) {
  auto list = postprocess::CropList::begin;
  for (std::size_t b = 0; b < branches_.size(); ++b) {
    const std::vector<int>& classes = persons.classes[b];
    if (classes.empty()) continue;
    const GpuReid& reid = *persons.reid;
    branches_[b].detector->gather_crops(image_count, classes, list, reid.crops(), reid.count(), stream_);
    list = postprocess::CropList::append;
  }
}

bool BatchSession::recordable() const {
  return std::ranges::all_of(
      branches_, [&](const Branch& branch) { return branch.detector->engine().capturable(stream_); });
}

const cuda::Graph& BatchSession::recorded(int image_count, const Persons& persons, bool with_reid) {
  const std::pair key(image_count, with_reid);
  auto graph = graphs_.find(key);
  if (graph == graphs_.end()) {
    cuda::check(cuda::runtime().stream_synchronize(stream_), "cudaStreamSynchronize");
    const Way way{.captured = true, .reid = with_reid};
    graph = graphs_.emplace(key, cuda::Graph::capture(stream_, [&] { enqueue(image_count, persons, way); }))
                .first;
  }
  return graph->second;
}

void BatchSession::run_recorded(int image_count, const Persons& persons) {
  const auto synchronize = [&] {
    cuda::check(cuda::runtime().stream_synchronize(stream_), "cudaStreamSynchronize");
  };
  const bool in_graph = recordable();
  GpuReid* const reid = persons.reid;
  const bool with_reid = reid && in_graph && reid->capturable(stream_);
  const auto run_once = [&] {
    const cuda::Graph* const graph = in_graph ? &recorded(image_count, persons, with_reid) : nullptr;
    begun_.record(stream_);
    if (graph)
      graph->launch(stream_);
    else
      enqueue(image_count, persons, {});
    synchronize();
  };
  for (bool again = true; again;) {
    in_step(inference(with_reid ? reid : nullptr), run_once);
    again = false;
    in_step("postprocess", [&] {
      for (const Branch& branch : branches_) again = branch.detector->grow_if_needed(image_count) || again;
    });
    if (again) graphs_.clear();  // they hold the addresses of what has grown
  }
  if (!reid || with_reid) return;
  in_step("reid", [&] {
    reid->run_crop_batches(inputs_.front().descriptors.data(), stream_);
    embedded_.record(stream_);
    synchronize();
  });
}

std::vector<Object> BatchSession::objects(std::size_t model, int image_index) const {
  const Branch& branch = branches_[model];
  const InputImage& image = inputs_[branch.input].staged[static_cast<std::size_t>(image_index)];
  return branch.detector->read(image_index, image.geometry).objects;
}

}  // namespace peregrine::predictor
