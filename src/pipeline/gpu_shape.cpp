#include "pipeline/gpu_shape.h"

#include <algorithm>

#include "base/ledger.h"

namespace peregrine::pipeline {

using preprocess::Picture;

void GpuShape::add(std::unique_ptr<GpuDetector> detector) {
  Branch branch;
  branch.detector = std::move(detector);
  branch.input = input_for(branch.detector->engine());
  branch.stream = cuda::Stream::create();
  branch.inferred = cuda::Event::create_timing();
  branch.done = cuda::Event::create();
  branch.detector->engine().guard_bindings(guard_, inputs_[branch.input].view);
  branches_.push_back(std::move(branch));
}

std::size_t GpuShape::input_for(const GpuEngine& engine) {
  const Binding& binding = engine.input();
  const auto same = [&](const Input& input) {
    return input.view.shape == binding.shape && input.view.strides == binding.strides && input.view.dtype == binding.dtype;
  };
  if (const auto found = std::ranges::find_if(inputs_, same); found != inputs_.end())
    return static_cast<std::size_t>(found - inputs_.begin());
  Input input;
  input.memory = cuda::DeviceBuffer(engine.input_bytes(), "input of " + engine.model().name);
  cuda::fill(input.memory.data(), 0, input.memory.bytes(), stream_);  // padding channels stay zero
  input.view = {input.memory.data(), binding.dtype, binding.device, binding.shape, binding.strides};
  const std::size_t bytes = sizeof(Picture) * static_cast<std::size_t>(batch_);
  input.descriptors = cuda::DeviceBuffer(bytes, "picture descriptors");
  input.staged = cuda::PinnedBuffer(bytes, "picture descriptors");
  inputs_.push_back(std::move(input));
  return inputs_.size() - 1;
}

StageTimes GpuShape::run(std::span<const ImageView> images, const GeometryOf& geometry_of,
                         const Persons& persons) {
  const int pictures = static_cast<int>(images.size());
  for (const Branch& branch : branches_) branch.detector->guard_batch(guard_, inputs_[branch.input].view);
  if (persons.reid) persons.reid->guard_batch(guard_);
  describe(images, geometry_of);
  run_recorded(pictures, persons);
  for (const Branch& branch : branches_)
    ledger::record("results", ledger::Direction::device_to_host, branch.detector->record_bytes(pictures));
  StageTimes spent = times();
  if (!persons.reid) return spent;
  persons.reid->record_transfers();
  spent.inference += embedded_.milliseconds_since(finished_);
  return spent;
}

StageTimes GpuShape::times() const {
  StageTimes spent;
  spent.preprocess = preprocessed_.milliseconds_since(begun_);
  for (const Branch& branch : branches_)  // side by side: the last one counts
    spent.inference = std::max<double>(spent.inference, branch.inferred.milliseconds_since(preprocessed_));
  spent.postprocess = std::max(0.0, finished_.milliseconds_since(preprocessed_) - spent.inference);
  return spent;
}

std::string GpuShape::inference(const GpuReid* reid) const {
  std::string names;
  for (const Branch& branch : branches_) names += (names.empty() ? "inference " : ", ") + branch.detector->model().name;
  return reid ? names + ", " + reid->model().name : names;
}

void GpuShape::describe(std::span<const ImageView> images, const GeometryOf& geometry_of) {
  for (std::size_t b = 0; b < branches_.size(); ++b)
    for (std::size_t n = 0; n < images.size(); ++n) {
      const ImageView& image = images[n];
      inputs_[branches_[b].input].host()[n] = {image.data, image.pitch, image.order, geometry_of(image, b)};
    }
}

void GpuShape::enqueue(int pictures, const Persons& persons, const Way& way) {
  const auto mark = [&](const cuda::Event& event, cudaStream_t stream) {
    way.captured ? event.record_in_graph(stream) : event.record(stream);
  };
  in_step("preprocess", [&] {
    for (const Input& input : inputs_) {
      cuda::copy_to_device("picture descriptors", input.descriptors.data(), input.staged.data(),
                           sizeof(Picture) * static_cast<std::size_t>(pictures), stream_);
      preprocess::letterbox_batch(input.device(), pictures, input.view, stream_);
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
      branch.detector->enqueue_postprocess(input.geometries(), pictures, stream);
      if (b > 0) branch.done.record(stream);
    });
  }
  for (std::size_t b = 1; b < branches_.size(); ++b) cuda::wait(stream_, branches_[b].done);
  if (persons.reid) in_step("postprocess", [&] { gather(pictures, persons); });
  mark(finished_, stream_);
  if (!way.reid) return;
  in_step("reid", [&] {
    persons.reid->capture(inputs_.front().device(), stream_);
    mark(embedded_, stream_);
  });
}

void GpuShape::gather(int pictures, const Persons& persons) {
  auto list = postprocess::CropList::begin;
  for (std::size_t b = 0; b < branches_.size(); ++b) {
    const std::vector<int>& classes = persons.classes[b];
    if (classes.empty()) continue;
    const GpuReid& reid = *persons.reid;
    branches_[b].detector->gather_crops(pictures, classes, list, reid.crops(), reid.count(), stream_);
    list = postprocess::CropList::append;
  }
}

bool GpuShape::recordable() const {
  return std::ranges::all_of(branches_, [&](const Branch& branch) { return branch.detector->engine().capturable(stream_); });
}

const cuda::Graph& GpuShape::recorded(int pictures, const Persons& persons, bool with_reid) {
  const std::pair key(pictures, with_reid);
  auto graph = graphs_.find(key);
  if (graph == graphs_.end()) {
    cuda::check(cuda::runtime().stream_synchronize(stream_), "cudaStreamSynchronize");
    const Way way{.captured = true, .reid = with_reid};
    graph =
        graphs_.emplace(key, cuda::Graph::capture(stream_, [&] { enqueue(pictures, persons, way); })).first;
  }
  return graph->second;
}

void GpuShape::run_recorded(int pictures, const Persons& persons) {
  const auto synchronize = [&] { cuda::check(cuda::runtime().stream_synchronize(stream_), "cudaStreamSynchronize"); };
  const bool in_graph = recordable();
  GpuReid* const reid = persons.reid;
  const bool with_reid = reid && in_graph && reid->capturable(stream_);
  const auto run_once = [&] {
    const cuda::Graph* const graph = in_graph ? &recorded(pictures, persons, with_reid) : nullptr;
    begun_.record(stream_);
    if (graph)
      graph->launch(stream_);
    else
      enqueue(pictures, persons, {});
    synchronize();
  };
  for (bool again = true; again;) {
    in_step(inference(with_reid ? reid : nullptr), run_once);
    again = false;
    in_step("postprocess", [&] {
      for (const Branch& branch : branches_) again = branch.detector->grow_if_needed(pictures) || again;
    });
    if (again) graphs_.clear();  // they hold the addresses of what has grown
  }
  if (!reid || with_reid) return;
  in_step("reid", [&] {
    reid->run_rounds(inputs_.front().device(), stream_);
    embedded_.record(stream_);
    synchronize();
  });
}

std::vector<Object> GpuShape::objects(std::size_t model, int picture) const {
  const Branch& branch = branches_[model];
  return branch.detector->read(picture, inputs_[branch.input].host()[picture].geometry).objects;
}

}  // namespace peregrine::pipeline
