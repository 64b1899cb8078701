#include "engine/host_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/half.h"
#include "peregrine/error.h"
#if PEREGRINE_CUDA
#include "cuda/device.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#endif

namespace peregrine {

namespace {

using Index = std::int64_t;

/// Elements of a strided tensor's memory, with padding inside and behind its rows.
Index extent_of(const Shape& shape, const Strides& strides) {
  Index extent = 1;
  for (std::size_t d = 0; d < shape.rank(); ++d) extent = std::max(extent, shape[d] * strides[d]);
  return extent;
}

/// Calls visit(dense position, strided position) for every element.
void for_each_element(const Shape& shape, const Strides& strides,
                      const std::function<void(Index, Index)>& visit) {
  const Strides dense = dense_strides(shape);
  for (Index i = 0, count = shape.elements(); i < count; ++i) {
    Index rest = i, offset = 0;
    for (std::size_t d = 0; d < shape.rank(); ++d) {
      offset += rest / dense[d] * strides[d];
      rest %= dense[d];
    }
    visit(i, offset);
  }
}

/// A binding's memory: on the host in the binding's dtype and layout, and where the engine wants it.
class BindingBuffer {
 public:
  BindingBuffer(const Binding& binding, const Shape& shape)
      : shape_(shape),
        strides_(shape == binding.shape ? binding.strides : dense_strides(shape)),
        host_(HostTensor::zeros(binding.dtype, {extent_of(shape, strides_)})),
        device_(binding.device) {
    if (!device_.on_gpu()) return;
#if PEREGRINE_CUDA
    gpu_ = cuda::DeviceBuffer(host_.bytes(), binding.name);
#else
    throw Error("environment.cuda", "This build of peregrine has no CUDA.");
#endif
  }

  void write(const TensorView& values) {
    const float* from = values.as<float>();
    for_each_element(shape_, strides_, [&](Index i, Index at) {
      switch (host_.dtype()) {
        case DType::f32: host_.as<float>()[at] = from[i]; break;
        case DType::f16: host_.as<Half>()[at] = to_half(from[i]); break;
        default:
          throw Error("engine.binding",
                      fmt::format("A binding of type {} cannot be filled.", to_string(host_.dtype())));
      }
    });
  }

  HostTensor read() const {
    const HostTensor values = host_.to_f32();
    HostTensor dense(DType::f32, shape_);
    for_each_element(shape_, strides_,
                     [&](Index i, Index at) { dense.as<float>()[i] = values.as<float>()[at]; });
    return dense;
  }

  TensorView view() const {
    TensorView view{host_.view().data, host_.dtype(), device_, shape_, strides_};
#if PEREGRINE_CUDA
    if (device_.on_gpu()) view.data = gpu_.data();
#endif
    return view;
  }

#if PEREGRINE_CUDA
  void upload(cudaStream_t stream) const {
    if (device_.on_gpu())
      cuda::copy_to_device("comparison", gpu_.data(), host_.view().data, host_.bytes(), stream);
  }
  void download(cudaStream_t stream) const {
    if (device_.on_gpu())
      cuda::copy_to_host("comparison", host_.view().data, gpu_.data(), host_.bytes(), stream);
  }
#endif

 private:
  Shape shape_;
  Strides strides_;
  HostTensor host_;
  Device device_;
#if PEREGRINE_CUDA
  cuda::DeviceBuffer gpu_;
#endif
};

void enqueue_and_wait(Engine& engine, std::span<const BindingBuffer> slots) {
  std::vector<TensorView> views;
  for (const BindingBuffer& slot : slots) views.push_back(slot.view());
#if PEREGRINE_CUDA
  if (!views.empty() && views.front().device.on_gpu()) {
    const cuda::DeviceScope scope(views.front().device.index);
    const auto stream = cuda::Stream::create();
    for (const BindingBuffer& slot : slots) slot.upload(stream.get());
    engine.enqueue(views, {stream.get()});
    for (const BindingBuffer& slot : slots) slot.download(stream.get());
    stream.synchronize();
    return;
  }
#endif
  engine.enqueue(views, {});
}

}  // namespace

std::vector<HostTensor> run_on_host(Engine& engine, std::span<const TensorView> inputs,
                                    std::span<const Shape> output_shapes) {
  std::vector<BindingBuffer> slots;
  std::size_t input = 0, output = 0;
  for (const Binding& binding : engine.io()) {
    if (binding.is_input) {
      slots.emplace_back(binding, inputs[input].shape);
      slots.back().write(inputs[input++]);
    } else {
      slots.emplace_back(binding, output_shapes.empty() ? binding.shape : output_shapes[output++]);
    }
  }
  enqueue_and_wait(engine, slots);
  std::vector<HostTensor> results;
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (!engine.io()[i].is_input) results.push_back(slots[i].read());
  return results;
}

}  // namespace peregrine
