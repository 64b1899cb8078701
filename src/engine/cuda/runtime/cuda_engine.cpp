#include "engine/cuda/runtime/cuda_engine.h"

#include <fmt/format.h>

#include <cstdint>

#include "engine/cuda/runtime/profile.h"
#include "peregrine/error.h"

namespace peregrine::cuda {

CudaEngine::CudaEngine(ExecutionPlan plan, DeviceFacts device, std::unique_ptr<Cudnn> cudnn,
                       std::unique_ptr<CublasLt> cublas_lt, const MemoryPool* pool)
    : device_(std::move(device)),
      cudnn_(std::move(cudnn)),
      cublas_lt_(std::move(cublas_lt)),
      executor_(std::move(plan), {device_, cudnn_.get(), cublas_lt_.get()}, {.pool = pool}) {
  for (const PlanBinding& binding : executor_.plan().bindings)
    bindings_.push_back({binding.name, binding.is_input, binding.tensor.dtype, Device::cuda(device_.index),
                         binding.tensor.shape, binding.tensor.strides});
  pointers_.resize(bindings_.size());
}

void CudaEngine::enqueue(std::span<const TensorView> bindings, StreamHandle stream) {
  if (bindings.size() != bindings_.size())
    throw Error("engine.binding",
                fmt::format("The engine has {} bindings, {} were given.", bindings_.size(), bindings.size()));
  for (std::size_t i = 0; i < bindings.size(); ++i) {
    const Binding& wanted = bindings_[i];
    const TensorView& given = bindings[i];
    if (given.dtype != wanted.dtype || given.shape != wanted.shape || given.strides != wanted.strides)
      throw Error("engine.binding",
                  fmt::format("'{}' must be {} {} with strides {}, not {} {} with strides {}.", wanted.name,
                              to_string(wanted.dtype), to_string(wanted.shape), to_string(wanted.strides),
                              to_string(given.dtype), to_string(given.shape), to_string(given.strides)));
    if (given.device != wanted.device)
      throw Error("engine.binding", fmt::format("'{}' must be on {}, not on {}.", wanted.name,
                                                to_string(wanted.device), to_string(given.device)));
    constexpr std::uintptr_t alignment = 16;
    if (!given.data || reinterpret_cast<std::uintptr_t>(given.data) % alignment != 0)
      throw Error("engine.binding",
                  fmt::format("'{}' must start at an address that {} divides.", wanted.name, alignment));
    pointers_[i] = given.data;
  }
  const DeviceScope scope(device_.index);
  executor_.enqueue(pointers_, static_cast<cudaStream_t>(stream.cuda_stream));
}

std::vector<LayerTime> CudaEngine::time_layers(StreamHandle stream) {
  const DeviceScope scope(device_.index);
  return time_steps(executor_, static_cast<cudaStream_t>(stream.cuda_stream));
}

}  // namespace peregrine::cuda
