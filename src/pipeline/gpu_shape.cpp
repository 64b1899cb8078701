#include "pipeline/gpu_shape.h"

#include <algorithm>

#include "base/ledger.h"

namespace peregrine::pipeline {

using preprocess::Picture;

void GpuShape::add(std::unique_ptr<GpuDetector> detector, PlacementGuard& guard) {
  Branch branch;
  branch.detector = std::move(detector);
  branch.input = input_for(branch.detector->engine());
  branch.stream = cuda::Stream::create();
  branch.done = cuda::Event::create();
  branch.detector->engine().guard_bindings(guard, inputs_[branch.input].view);
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

void GpuShape::run(std::span<const ImageView> images, const GeometryOf& geometry_of, GpuReid* reid, const ReidTarget& target) {
  const int pictures = static_cast<int>(images.size());
  describe(images, geometry_of);
  run_recorded(pictures, reid, target);
  for (const Branch& branch : branches_)
    ledger::record("results", ledger::Direction::device_to_host, branch.detector->record_bytes(pictures));
}

void GpuShape::describe(std::span<const ImageView> images, const GeometryOf& geometry_of) {
  for (std::size_t b = 0; b < branches_.size(); ++b)
    for (std::size_t n = 0; n < images.size(); ++n) {
      const ImageView& image = images[n];
      inputs_[branches_[b].input].host()[n] = {image.data, image.pitch, image.order, geometry_of(image, b)};
    }
}

void GpuShape::enqueue(int pictures, GpuReid* reid, const ReidTarget& target) {
  for (const Input& input : inputs_) {
    cuda::copy_to_device("picture descriptors", input.descriptors.data(), input.staged.data(),
                         sizeof(Picture) * static_cast<std::size_t>(pictures), stream_);
    preprocess::letterbox_batch(input.device(), pictures, input.view, stream_);
  }
  forked_.record(stream_);
  for (std::size_t b = 0; b < branches_.size(); ++b) {
    const Branch& branch = branches_[b];
    const Input& input = inputs_[branch.input];
    // The first branch stays on the main stream; the others run beside it.
    const cudaStream_t stream = b == 0 ? stream_ : branch.stream.get();
    if (b > 0) cuda::wait(stream, forked_);
    branch.detector->enqueue(input.view, input.geometries(), pictures, stream);
    if (reid && target.model == static_cast<int>(b))
      branch.detector->gather_crops(pictures, target.class_id, reid->crops(), reid->count(), stream);
    if (b > 0) branch.done.record(stream);
  }
  for (std::size_t b = 1; b < branches_.size(); ++b) cuda::wait(stream_, branches_[b].done);
}

bool GpuShape::recordable() const {
  return std::ranges::all_of(branches_, [&](const Branch& branch) { return branch.detector->engine().capturable(stream_); });
}

void GpuShape::run_recorded(int pictures, GpuReid* reid, const ReidTarget& target) {
  const auto synchronize = [&] { cuda::check(cuda::runtime().stream_synchronize(stream_), "cudaStreamSynchronize"); };
  for (bool again = true; again;) {
    if (recordable()) {
      auto graph = graphs_.find(pictures);
      if (graph == graphs_.end()) {
        synchronize();
        graph = graphs_.emplace(pictures, cuda::Graph::capture(stream_, [&] { enqueue(pictures, reid, target); })).first;
      }
      graph->second.launch(stream_);
    } else {
      enqueue(pictures, reid, target);
    }
    synchronize();
    again = false;
    for (const Branch& branch : branches_) again = branch.detector->grow_if_needed(pictures) || again;
    if (again) graphs_.clear();  // they hold the addresses of what has grown
  }
  if (!reid) return;
  reid->enqueue(inputs_.front().device(), stream_);
  synchronize();
}

std::vector<Object> GpuShape::objects(std::size_t model, int picture) const {
  const Branch& branch = branches_[model];
  return branch.detector->read(picture, inputs_[branch.input].host()[picture].geometry).objects;
}

}  // namespace peregrine::pipeline
