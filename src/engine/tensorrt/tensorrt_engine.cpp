#include "engine/tensorrt/tensorrt_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/cuda/device.h"
#include "base/cuda/stream.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

Error binding_error(const Binding& expected, std::string_view what) {
  return {"engine.binding", fmt::format("The engine's {} '{}' {}.", expected.is_input ? "input" : "output", expected.name, what)};
}

DataType type_of(DType dtype) { return dtype == DType::f16 ? DataType::f16 : DataType::f32; }

}  // namespace

TensorRtEngine::TensorRtEngine(const Library& library, PlanContent content, const Device& device)
    : library_((library.logger().begin(), library)),
      device_(device),
      precision_(content.precision),
      batches_(content.batches),
      bindings_(std::move(content.bindings)),
      runtime_(library) {
  const cuda::DeviceScope scope(device.index);
  for (Binding& binding : bindings_) binding.device = device;
  engine_.emplace([&] {
    auto engine = runtime_.deserialize(content.blob);
    if (!engine) throw_failure(library_, "load the engine", "engine.plan", "Build the engine again.");
    return std::move(*engine);
  }());
  require_same_bindings();
  const std::optional<std::int64_t> bytes = engine_->memory_bytes();
  context_.emplace([&] {
    auto context = engine_->create_context(bytes ? ContextMemory::user : ContextMemory::library);
    if (!context) throw_failure(library_, "prepare the engine to run");
    return std::move(*context);
  }());
  if (bytes) {
    memory_ = cuda::DeviceBuffer(static_cast<std::size_t>(*bytes), "TensorRT's activations");
    context_->set_memory(memory_.data(), *bytes);
  }
  warm_up();
}

void TensorRtEngine::require_same_bindings() const {
  const std::vector<std::string> names = engine_->io_names();
  for (const Binding& binding : bindings_) {
    const bool same = std::ranges::find(names, binding.name) != names.end() &&
                      engine_->is_input(binding.name) == binding.is_input &&
                      engine_->type_of(binding.name) == type_of(binding.dtype);
    if (!same || names.size() != bindings_.size())
      throw Error("engine.plan", fmt::format("The engine has no {} {} as its plan says.", to_string(binding.dtype), binding.name),
                  "Build the engine again.");
  }
}

void TensorRtEngine::check(const Binding& expected, const TensorView& given) const {
  if (given.device != device_)
    throw binding_error(expected, fmt::format("is on {}, expected {}", to_string(given.device), to_string(device_)));
  if (given.dtype != expected.dtype)
    throw binding_error(expected, fmt::format("is {}, expected {}", to_string(given.dtype), to_string(expected.dtype)));
  Shape wanted = expected.shape;
  if (batches_ && given.shape.rank() == wanted.rank() && given.shape[0] >= batches_->min && given.shape[0] <= batches_->max)
    wanted[0] = given.shape[0];
  if (given.shape != wanted)
    throw binding_error(expected, fmt::format("has the shape {}, expected {}", to_string(given.shape), to_string(wanted)));
  if (!given.data || !given.dense()) throw binding_error(expected, "is not a dense tensor");
}

void TensorRtEngine::set_batch(std::int64_t batch) {
  if (batch == batch_) return;
  for (const Binding& binding : bindings_) {
    if (!binding.is_input) continue;
    Shape shape = binding.shape;
    if (batches_) shape[0] = batch;
    if (!context_->set_input_shape(binding.name.c_str(), shape))
      throw_failure(library_, fmt::format("take the shape {} for '{}'", to_string(shape), binding.name));
  }
  batch_ = batch;
}

void TensorRtEngine::enqueue(std::span<const TensorView> views, StreamHandle stream) {
  if (views.size() != bindings_.size())
    throw Error("engine.binding", fmt::format("The engine has {} bindings, not {}.", bindings_.size(), views.size()));
  for (std::size_t i = 0; i < views.size(); ++i) {
    check(bindings_[i], views[i]);
    if (batches_ && views[i].shape[0] != views[0].shape[0]) throw binding_error(bindings_[i], "has another batch than the first");
  }
  const cuda::DeviceScope scope(device_.index);
  library_.logger().begin();
  set_batch(batches_ ? views[0].shape[0] : 1);
  for (std::size_t i = 0; i < views.size(); ++i)
    if (!context_->set_address(bindings_[i].name.c_str(), views[i].data))
      throw_failure(library_, fmt::format("bind '{}'", bindings_[i].name));
  if (!context_->enqueue(stream.cuda_stream)) throw_failure(library_, "run the engine");
}

void TensorRtEngine::warm_up() {
  std::vector<cuda::DeviceBuffer> memory;
  std::vector<TensorView> views;
  for (const Binding& binding : bindings_) {
    TensorView view{nullptr, binding.dtype, device_, binding.shape, binding.strides};
    memory.emplace_back(view.bytes(), binding.name);
    view.data = memory.back().data();
    views.push_back(view);
  }
  const auto stream = cuda::Stream::create();
  for (const cuda::DeviceBuffer& buffer : memory) cuda::fill(buffer.data(), 0, buffer.bytes(), stream.get());
  enqueue(views, {stream.get()});
  stream.synchronize();
}

}  // namespace peregrine::tensorrt
