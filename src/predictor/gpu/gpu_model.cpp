#include "predictor/gpu/gpu_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/head_names.h"
#include "core/log.h"
#include "core/task/task_traits.h"
#include "cuda/device.h"
#include "cuda/stream.h"
#include "peregrine/error.h"
#include "predictor/models/build_engine.h"

namespace peregrine::predictor {

namespace {

/// Words of mask bits an image to begin with: eight masks that fill a 1080p image. Grows when an image needs
/// more.
constexpr std::size_t first_mask_capacity = std::size_t{8} * 1920 * 1080 / 32;

std::size_t storage_bytes(const Binding& binding) {
  std::int64_t last = 0;
  for (std::size_t i = 0; i < binding.shape.rank(); ++i)
    last = std::max(last, binding.shape[i] * binding.strides[i]);
  return static_cast<std::size_t>(last) * size_of(binding.dtype);
}

/// The guard has spoken already; without FORCE_GPU_ONLY this hands the batch to the CPU.
void require(bool in_place, const std::string& name) {
  if (!in_place) throw Error("device.place", fmt::format("Memory of {} is not on the device.", name));
}

}  // namespace

bool check_outputs(GpuPolicy& policy, Task task, std::span<const postprocess::NamedTensor> outputs,
                   Precision wanted) {
  bool in_place = true;
  const auto check = [&](std::string_view name, std::string_view prefix) {
    for (const auto& output : outputs)
      if (output.name.starts_with(prefix)) {
        in_place = policy.require_gpu(name, output.view) && in_place;
        if (wanted == Precision::fp16) policy.require_fp16(name, output.view);
      }
  };
  const TaskTraits& traits = traits_of(task);
  for (const GuardedPart& part : traits.guarded_parts) check(part.name, part.prefix);
  check(traits.guarded_output, "");  // last: what it raises, one of the parts says more exactly
  return in_place;
}

GpuEngine::GpuEngine(const Model& model, const engine_cache::EngineContext& context, const InputShape& shape,
                     const Plan* tactics_from)
    : GpuEngine(model, context, shape, build_engine(model, context, shape, false, tactics_from)) {}

GpuEngine::GpuEngine(const Model& model, const engine_cache::EngineContext& context, const InputShape& shape,
                     std::unique_ptr<Engine> engine)
    : model_(model.info()), shape_(shape), wanted_(context.precision), engine_(std::move(engine)) {
  for (const Binding& binding : engine_->io()) {
    if (binding.is_input) {
      input_ = &binding;
      continue;
    }
    memory_.emplace_back(storage_bytes(binding), fmt::format("{} of {}", binding.name, model_.name));
    outputs_.push_back(
        {binding.name,
         {memory_.back().data(), binding.dtype, binding.device, binding.shape, binding.strides}});
  }
}

std::size_t GpuEngine::input_bytes() const { return storage_bytes(*input_); }

std::vector<TensorView> GpuEngine::bindings(const TensorView& input) const {
  std::vector<TensorView> views;
  std::size_t next = 0;
  for (const Binding& binding : engine_->io())
    views.push_back(binding.is_input ? input : outputs_[next++].view);
  return views;
}

void GpuEngine::check_bindings(GpuPolicy& policy, const TensorView& input) const {
  const auto views = bindings(input);
  for (std::size_t i = 0; i < views.size(); ++i) {
    const Binding& binding = engine_->io()[i];
    require(policy.require_gpu(binding.name, views[i]), binding.name);
    if (binding.is_input && wanted_ == Precision::fp16) policy.require_fp16(binding.name, views[i]);
  }
  require(check_outputs(policy, model_.task, outputs_, wanted_), model_.name);
}

void GpuEngine::check_batch(GpuPolicy& policy, const TensorView& input) const {
  require(policy.require_gpu(input_->name, input), input_->name);
  require(check_outputs(policy, model_.task, outputs_, wanted_), model_.name);
}

void GpuEngine::enqueue(const TensorView& input, cudaStream_t stream) {
  const auto views = bindings(input);
  engine_->enqueue(views, {stream});
}

std::vector<LayerTime> GpuEngine::time_layers() {
  const cuda::DeviceScope scope(input_->device.index);
  const cuda::Stream stream = cuda::Stream::create();
  const cuda::DeviceBuffer memory(input_bytes(), "input of " + model_.name);
  std::vector<std::uint8_t> image(input_bytes());
  for (std::size_t i = 0; i < image.size(); ++i)
    image[i] = static_cast<std::uint8_t>(i * 7919 % 251 %
                                         60);  // any such bytes are numbers from 0 to 1, FP16 and FP32
  cuda::copy_to_device("picture", memory.data(), image.data(), image.size(), stream.get());
  enqueue({memory.data(), input_->dtype, input_->device, input_->shape, input_->strides}, stream.get());
  stream.synchronize();
  return engine_->time_layers({stream.get()});
}

GpuDetector::GpuDetector(const Model& model, const engine_cache::EngineContext& context,
                         const InputShape& shape, postprocess::Options options, const Plan* tactics_from)
    : engine_(model, context, shape, tactics_from), options_(std::move(options)) {
  allocate(traits_of(model.info()).masks ? first_mask_capacity : 0);
}

void GpuDetector::allocate(std::size_t mask_capacity) {
  postprocess_ =
      std::make_unique<postprocess::DevicePostprocess>(model(), engine_.outputs(), options_, mask_capacity);
  workspace_ = cuda::DeviceBuffer(postprocess_->workspace_bytes(), "postprocess of " + model().name);
  record_ = cuda::PinnedBuffer(postprocess_->layout().bytes, "results of " + model().name);
}

void GpuDetector::check_batch(GpuPolicy& policy, const TensorView& input) const {
  engine_.check_batch(policy, input);
  if (!traits_of(model()).masks) return;
  const auto bytes = static_cast<std::int64_t>(workspace_.bytes());
  const TensorView masks{workspace_.data(), DType::u8, policy.expected(), {bytes}, {1}};
  require(policy.require_gpu(guarded::segmentation_masks, masks), model().name);
}

void GpuDetector::enqueue_postprocess(const postprocess::DeviceGeometries& geometries, int images,
                                      cudaStream_t stream) {
  postprocess_->enqueue(workspace_.data(), geometries, images, record_.data(), stream);
}

bool GpuDetector::grow_if_needed(int images) {
  const auto& layout = postprocess_->layout();
  if (postprocess::masks_fit(layout, record_.data(), images)) return false;
  std::size_t needed = layout.mask_capacity;
  for (int n = 0; n < images; ++n)
    needed = std::max<std::size_t>(needed, layout.header(record_.data(), n)->mask_words);
  log::debug(
      fmt::format("{}: room for masks grows to {} MB an image", model().name, needed / 4 * 5 * 4 >> 20));
  allocate(needed / 4 * 5);  // some more, so that the next image does not grow it again
  return true;
}

postprocess::Detections GpuDetector::read(int image, const Geometry& geometry) const {
  return postprocess::read_record(engine_.model(), postprocess_->layout(), record_.data(), image, geometry,
                                  options_);
}

std::size_t GpuDetector::record_bytes(int images) const {
  return postprocess::used_bytes(postprocess_->layout(), record_.data(), images);
}

void GpuDetector::gather_crops(int images, std::span<const int> classes, postprocess::CropList list,
                               Crop* crops, int* count, cudaStream_t stream) const {
  postprocess::gather_crops(postprocess_->layout(),
                            postprocess::DevicePostprocess::device_record(workspace_.data()), images, classes,
                            list, crops, count, stream);
}

int GpuDetector::crop_count(int images, std::span<const int> classes) const {
  return postprocess::crop_count(postprocess_->layout(), record_.data(), images, classes);
}

std::vector<int> GpuDetector::crop_places(int image, std::span<const int> classes) const {
  return postprocess::crop_places(engine_.model(), postprocess_->layout(), record_.data(), image, classes,
                                  options_);
}

}  // namespace peregrine::predictor
