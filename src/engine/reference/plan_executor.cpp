#include "engine/reference/plan_executor.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>

#include "core/half.h"

namespace peregrine::reference {

using cuda::Buffer;
using cuda::TensorRef;

namespace {

constexpr int nan_byte = 0xff;  // all ones are a NaN in FP32 and in FP16

/// Calls `visit` with the offset in elements of each element, in row-major order.
template <class F>
void for_each_element(const Shape& shape, const Strides& strides, F&& visit, std::size_t axis = 0,
                      std::int64_t offset = 0) {
  if (axis == shape.rank()) {
    visit(offset);
    return;
  }
  for (std::int64_t i = 0; i < shape[axis]; ++i)
    for_each_element(shape, strides, visit, axis + 1, offset + i * strides[axis]);
}

}  // namespace

PlanExecutor::PlanExecutor(const cuda::ExecutionPlan& plan) : plan_(plan) {
  for (const cuda::PlanBinding& binding : plan.bindings) {
    const auto bytes = static_cast<std::size_t>(plan.buffer(binding.tensor.buffer).bytes);
    bindings_.emplace_back(bytes, static_cast<std::byte>(binding.is_input ? 0 : nan_byte));
  }
}

void PlanExecutor::set_input(const std::string& name, const HostTensor& value) {
  const auto found = std::ranges::find(plan_.bindings, name, &cuda::PlanBinding::name);
  if (found == plan_.bindings.end()) throw std::invalid_argument(name);
  store(found->tensor, {value.as<float>(), value.as<float>() + value.shape().elements()});
}

void PlanExecutor::start() {
  arena_.assign(static_cast<std::size_t>(plan_.arena_bytes), static_cast<std::byte>(nan_byte));
  used_.assign(plan_.buffers.size(), false);
}

void PlanExecutor::run(const std::function<void(std::int32_t)>& after) {
  start();
  if (after) after(-1);
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    run_step(i);
    if (after) after(static_cast<std::int32_t>(i));
  }
}

void PlanExecutor::run_interleaved(unsigned seed) {
  start();
  std::mt19937 random(seed);
  std::vector<std::vector<std::size_t>> streams(static_cast<std::size_t>(plan_.streams));
  for (std::size_t i = plan_.steps.size(); i-- > 0;)
    streams[static_cast<std::size_t>(plan_.steps[i].stream_index)].push_back(i);
  std::vector<bool> done(plan_.steps.size());
  for (std::size_t left = plan_.steps.size(); left > 0; --left) {
    std::vector<std::size_t> ready;
    for (std::size_t stream_index = 0; stream_index < streams.size(); ++stream_index) {
      const auto is_done = [&](std::int32_t wait) { return done[static_cast<std::size_t>(wait)]; };
      if (!streams[stream_index].empty() &&
          std::ranges::all_of(plan_.steps[streams[stream_index].back()].dependencies, is_done))
        ready.push_back(stream_index);
    }
    auto& stream_index = streams[ready.at(random() % ready.size())];
    run_step(stream_index.back());
    done[stream_index.back()] = true;
    stream_index.pop_back();
  }
}

void PlanExecutor::run_step(std::size_t index) {
  fill_fresh_buffers_with_nan(plan_.steps[index]);
  std::visit([this](const auto& step) { run(step); }, plan_.steps[index].operation);
}

void PlanExecutor::fill_fresh_buffers_with_nan(const cuda::Step& step) {
  const cuda::Accesses tensors = cuda::accesses(step.operation);
  for (const auto& list : {tensors.reads, tensors.writes})
    for (const TensorRef* tensor : list) {
      const auto id = static_cast<std::size_t>(tensor->buffer);
      const Buffer& buffer = plan_.buffers[id];
      if (buffer.place == Buffer::Place::arena && !used_[id])
        std::memset(arena_.data() + buffer.offset, nan_byte, static_cast<std::size_t>(buffer.bytes));
      used_[id] = true;
    }
}

const std::byte* PlanExecutor::address(const TensorRef& tensor) const {
  const Buffer& buffer = plan_.buffer(tensor.buffer);
  const std::byte* base = buffer.place == Buffer::Place::arena ? arena_.data() + buffer.offset
                          : buffer.place == Buffer::Place::weights
                              ? plan_.weights.data() + buffer.offset
                              : bindings_[static_cast<std::size_t>(buffer.binding)].data();
  return base + tensor.offset * static_cast<std::int64_t>(size_of(tensor.dtype));
}

std::byte* PlanExecutor::writable(const TensorRef& tensor) {
  if (plan_.buffer(tensor.buffer).place == Buffer::Place::weights)
    throw std::logic_error("a step writes weights");
  return const_cast<std::byte*>(address(tensor));
}

std::vector<float> PlanExecutor::load(const TensorRef& tensor) const {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(tensor.shape.elements()));
  if (tensor.dtype == DType::f32) {
    const auto* data = reinterpret_cast<const float*>(address(tensor));
    for_each_element(tensor.shape, tensor.strides, [&](std::int64_t i) { values.push_back(data[i]); });
  } else {
    const auto* data = reinterpret_cast<const Half*>(address(tensor));
    for_each_element(tensor.shape, tensor.strides,
                     [&](std::int64_t i) { values.push_back(to_float(data[i])); });
  }
  return values;
}

std::vector<float> PlanExecutor::load_optional(const TensorRef& tensor) const {
  return tensor ? load(tensor) : std::vector<float>{};
}

void PlanExecutor::store(const TensorRef& tensor, const std::vector<float>& values) {
  if (static_cast<std::int64_t>(values.size()) != tensor.shape.elements())
    throw std::logic_error("a step made another shape");
  const float* next = values.data();
  if (tensor.dtype == DType::f32) {
    auto* data = reinterpret_cast<float*>(writable(tensor));
    for_each_element(tensor.shape, tensor.strides, [&](std::int64_t i) { data[i] = *next++; });
  } else {
    auto* data = reinterpret_cast<Half*>(writable(tensor));
    for_each_element(tensor.shape, tensor.strides, [&](std::int64_t i) { data[i] = to_half(*next++); });
  }
}

HostTensor PlanExecutor::read(const TensorRef& tensor) const {
  HostTensor result(DType::f32, tensor.shape);
  std::ranges::copy(load(tensor), result.as<float>());
  return result;
}

HostTensor PlanExecutor::output(const std::string& name) const {
  const auto found =
      std::ranges::find_if(plan_.bindings, [&](const auto& b) { return !b.is_input && b.name == name; });
  if (found == plan_.bindings.end()) throw std::invalid_argument(name);
  return read(found->tensor);
}

}  // namespace peregrine::reference
