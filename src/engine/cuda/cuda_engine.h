// A loaded plan as an Engine.
#pragma once

#include <memory>
#include <vector>

#include "engine/cuda/cudnn.h"
#include "engine/cuda/executor.h"
#include "engine/engine.h"

namespace peregrine::cuda {

class CudaEngine final : public Engine {
 public:
  /// Reads the plan's bytes; `cudnn` null where the library is missing. `pool`: as in Builder::load().
  CudaEngine(ExecutionPlan plan, DeviceFacts device, std::unique_ptr<Cudnn> cudnn, const MemoryPool* pool = nullptr);

  std::span<const Binding> io() const override { return bindings_; }
  Precision precision() const override { return executor_.plan().precision; }
  void enqueue(std::span<const TensorView> bindings, StreamHandle stream) override;
  std::vector<LayerTime> time_layers(StreamHandle stream) override;

  /// For reports and measurements.
  Executor& executor() noexcept { return executor_; }

 private:
  DeviceFacts device_;
  std::unique_ptr<Cudnn> cudnn_;  ///< before executor_: its plans belong to this library's handle
  Executor executor_;
  std::vector<Binding> bindings_;
  std::vector<void*> pointers_;
};

}  // namespace peregrine::cuda
