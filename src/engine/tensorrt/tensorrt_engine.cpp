#include "engine/tensorrt/tensorrt_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/head_names.h"
#include "core/text.h"
#include "cuda/device.h"
#include "cuda/stream.h"
#include "peregrine/error.h"

namespace peregrine::tensorrt {

namespace {

Error binding_error(const Binding& expected, std::string_view what) {
  return {"engine.binding", fmt::format("The engine's {} '{}' {}.", expected.is_input ? "input" : "output",
                                        expected.name, what)};
}

DataType type_of(DType dtype) { return dtype == DType::f16 ? DataType::f16 : DataType::f32; }

}  // namespace

TensorRtEngine::TensorRtEngine(const Library& library, PlanContent content, const Device& device,
                               const cuda::MemoryPool* pool)
    : library_((library.logger().begin(), library)),
      device_(device),
      precision_(content.precision),
      pool_(pool),
      batches_(content.batches),
      bindings_(std::move(content.bindings)),
      runtime_(library) {
  const cuda::DeviceScope scope(device.index);
  for (Binding& binding : bindings_) {
    binding.device = device;
    names_.push_back(binding.name);
  }
  engine_.emplace([&] {
    auto engine = runtime_.deserialize(content.blob);
    if (!engine)
      throw_failure(library_, "load the engine", "engine.plan",
                    "Build the engine again: `peregrine build MODEL --rebuild`.");
    return std::move(*engine);
  }());
  const bool told = !bindings_.empty();
  if (told)
    require_same_bindings();
  else
    read_inputs(content.height, content.width);
  const std::optional<std::int64_t> bytes = engine_->memory_bytes();
  context_.emplace([&] {
    auto context = engine_->create_context(bytes ? ContextMemory::user : ContextMemory::library);
    if (!context) throw_failure(library_, "prepare the engine to run");
    return std::move(*context);
  }());
  if (bytes) {
    memory_ = cuda::DeviceBuffer(static_cast<std::size_t>(*bytes), "TensorRT's activations", pool);
    context_->set_memory(memory_.data(), *bytes);
  }
  if (!told) read_outputs();
  warm_up();
}

void TensorRtEngine::read_inputs(int height, int width) {
  for (const std::string& name : engine_->io_names()) {
    if (!engine_->is_input(name)) continue;
    Shape shape = to_shape(engine_->shape_of(name));
    if (shape.rank() != 4 || !bindings_.empty())
      throw Error("engine.plan", "The engine's input is no batch of images.");
    if (shape[0] < 0) {
      const auto batch = [&](ProfileEnd end) {
        return static_cast<int>(engine_->profile_shape(name, end).extents[0]);
      };
      batches_ = BatchRange{batch(ProfileEnd::min), batch(ProfileEnd::opt), batch(ProfileEnd::max)};
      shape[0] = batches_->max;
    }
    if (shape[2] < 0) shape[2] = height;
    if (shape[3] < 0) shape[3] = width;
    add_binding(name, name, true, shape);
  }
  if (bindings_.empty()) throw Error("engine.plan", "The engine has no input.");
  precision_ = bindings_.front().dtype == DType::f16 ? Precision::fp16 : Precision::fp32;
}

void TensorRtEngine::read_outputs() {
  set_batch(batches_ ? batches_->max : 1);
  for (const std::string& name : engine_->io_names()) {
    if (engine_->is_input(name)) continue;
    const Shape shape = to_shape(context_->shape_of(name.c_str()));
    add_binding(name, shape.rank() == 4 ? head::proto_output : head::decoded_output, false, shape);
  }
}

void TensorRtEngine::add_binding(const std::string& name, const std::string& known_as, bool is_input,
                                 const Shape& shape) {
  const DataType type = engine_->type_of(name);
  if ((type != DataType::f16 && type != DataType::f32) ||
      std::ranges::any_of(shape, [](std::int64_t extent) { return extent < 1; }))
    throw Error("engine.plan",
                fmt::format("The engine's '{}' is {} {}, which no model of ours has.", printable(name),
                            tensorrt::to_string(type), to_string(shape)),
                "Export it again from the checkpoint, or give the checkpoint itself.");
  const DType dtype = type == DataType::f16 ? DType::f16 : DType::f32;
  bindings_.push_back({known_as, is_input, dtype, device_, shape, dense_strides(shape)});
  names_.push_back(name);
}

void TensorRtEngine::require_same_bindings() const {
  const std::vector<std::string> names = engine_->io_names();
  for (const Binding& binding : bindings_) {
    const bool same = std::ranges::find(names, binding.name) != names.end() &&
                      engine_->is_input(binding.name) == binding.is_input &&
                      engine_->type_of(binding.name) == type_of(binding.dtype);
    if (!same || names.size() != bindings_.size())
      throw Error(
          "engine.plan",
          fmt::format("The engine has no {} {} as its plan says.", to_string(binding.dtype), binding.name),
          "Build the engine again: `peregrine build MODEL --rebuild`.");
  }
}

void TensorRtEngine::check(const Binding& expected, const TensorView& given) const {
  if (given.device != device_)
    throw binding_error(expected,
                        fmt::format("is on {}, expected {}", to_string(given.device), to_string(device_)));
  if (given.dtype != expected.dtype)
    throw binding_error(expected,
                        fmt::format("is {}, expected {}", to_string(given.dtype), to_string(expected.dtype)));
  Shape wanted = expected.shape;
  if (batches_ && given.shape.rank() == wanted.rank() && given.shape[0] >= batches_->min &&
      given.shape[0] <= batches_->max)
    wanted[0] = given.shape[0];
  if (given.shape != wanted)
    throw binding_error(
        expected, fmt::format("has the shape {}, expected {}", to_string(given.shape), to_string(wanted)));
  if (!given.data || !given.dense()) throw binding_error(expected, "is not a dense tensor");
}

void TensorRtEngine::set_batch(std::int64_t batch) {
  if (batch == batch_) return;
  batch_ = 0;  // a refusal half-way leaves none
  for (std::size_t i = 0; i < bindings_.size(); ++i) {
    if (!bindings_[i].is_input) continue;
    Shape shape = bindings_[i].shape;
    if (batches_) shape[0] = batch;
    if (!context_->set_input_shape(names_[i].c_str(), shape))
      throw_failure(library_, fmt::format("take the shape {} for '{}'", to_string(shape), names_[i]));
  }
  batch_ = batch;
}

void TensorRtEngine::prefer_batch(int batch) {
  if (!batches_ || batch < batches_->min) return;
  if (batch > batches_->max)
    throw Error(
        "usage.batch",
        fmt::format("The engine takes batches from {} to {}, not {}.", batches_->min, batches_->max, batch),
        fmt::format("Pass --batch {}, or build it with a larger range.", batches_->max));
  for (Binding& binding : bindings_) {
    binding.shape[0] = batch;
    binding.strides = dense_strides(binding.shape);
  }
  // After a change of shape TensorRT wants one run outside of a capture.
  if (batch != batch_) warm_up();
}

void TensorRtEngine::enqueue(std::span<const TensorView> views, StreamHandle stream) {
  if (views.size() != bindings_.size())
    throw Error("engine.binding",
                fmt::format("The engine has {} bindings, not {}.", bindings_.size(), views.size()));
  for (std::size_t i = 0; i < views.size(); ++i) {
    check(bindings_[i], views[i]);
    if (batches_ && views[i].shape[0] != views[0].shape[0])
      throw binding_error(bindings_[i], "has another batch than the first");
  }
  const cuda::DeviceScope scope(device_.index);
  library_.logger().begin();
  set_batch(batches_ ? views[0].shape[0] : 1);
  for (std::size_t i = 0; i < views.size(); ++i)
    if (!context_->set_address(names_[i].c_str(), views[i].data))
      throw_failure(library_, fmt::format("bind '{}'", names_[i]));
  if (!context_->enqueue(stream.cuda_stream)) throw_failure(library_, "run the engine");
}

void TensorRtEngine::warm_up() {
  std::vector<cuda::DeviceBuffer> memory;
  std::vector<TensorView> views;
  for (const Binding& binding : bindings_) {
    TensorView view{nullptr, binding.dtype, device_, binding.shape, binding.strides};
    memory.emplace_back(view.bytes(), binding.name, pool_);
    view.data = memory.back().data();
    views.push_back(view);
  }
  const auto stream = cuda::Stream::create();
  for (const cuda::DeviceBuffer& buffer : memory) cuda::fill(buffer.data(), 0, buffer.bytes(), stream.get());
  enqueue(views, {stream.get()});
  stream.synchronize();
}

}  // namespace peregrine::tensorrt
